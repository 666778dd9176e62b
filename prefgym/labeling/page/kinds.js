// The kinds of feedback: each says what its answer bar holds, its keys, its statement, and how an answer reads.

import { choice } from "./choice.js";
import { comparison } from "./comparison.js";
import { live } from "./live.js";
import { mark } from "./mark.js";
import { ranking } from "./ranking.js";
import { rating, thumbs } from "./single.js";

const kinds = { comparison, ranking, rating, thumbs, mark, live };

/** The kind of an assignment; `usual` is that of the study, for one that this device has never seen. */
export function kindOf(assignment, usual) {
  const name = assignment?.kind ?? usual;
  return name === "comparison" && assignment?.segments.length > 2 ? choice : kinds[name];
}
