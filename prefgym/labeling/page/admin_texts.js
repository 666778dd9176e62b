// Every English word of the admin page.

const number = (value) => value.toLocaleString("en");
const percent = (share) => `${Math.round(share * 100)} %`;
const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Hours and minutes, rounded up: "3 h", "12 min". */
function span(seconds) {
  if (seconds < 3600) return `${Math.max(1, Math.ceil(seconds / 60))} min`;
  return seconds < 48 * 3600 ? `${Math.ceil(seconds / 3600)} h` : `${Math.ceil(seconds / 86400)} days`;
}

/** How long ago: "now", "4 min ago". */
function ago(seconds) {
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : plural(Math.floor(seconds / 86400), "day") + " ago";
}

const OPTIONS = ["first", "second"];
const PLACES = ["left", "right"];

/** Name an option, by its place in the query. */
function option(at, num) {
  return num === 2 ? OPTIONS[at] : `option ${at + 1}`;
}

/** Put into words what an answer says; options in the order of the query. */
function said(word, kind, numOptions) {
  if (["skipped", "invalid"].includes(word)) return word === "skipped" ? "can't compare" : "invalid";
  if (word === "tie") return "equal";
  const place = word.match(/^place (\d+)$/);
  if (place) return numOptions === 2 ? PLACES[place[1]] : `place ${Number(place[1]) + 1}`;
  if (kind === "comparison") return option(Number(word), numOptions);
  if (kind === "rating") return `level ${Number(word) + 1}`;
  if (kind === "ranking") return word.split(" ").map((one) => Number(one) + 1).join(" > ");
  if (kind === "thumbs") return word === "silent" ? "no reaction" : word;
  const [good, bad] = word.split(" ").map(Number);
  return `${good} good, ${bad} bad`;
}

export const words = {
  ...{ number, percent, plural, span, ago, option, said },
  title: (study) => `${study}, admin`,
  admin: "Admin",
  jump: "On this page",
  study: "Study",
  sections: { progress: "Progress", raters: "Raters", agreement: "Agreement", disputed: "Disputed", invitations: "Invitations", export: "Export" },
  collecting: "Collecting",
  paused: "Paused",
  pause: "Pause",
  resume: "Resume",
  offline: "No connection",
  failed: "That did not work",
  figures: {
    answers: "Answers",
    ofGoal: (goal) => `of ${number(goal)}`,
    complete: (overlap) => (overlap === 1 ? "Questions answered" : `Questions with ${overlap} raters`),
    alpha: "Krippendorff’s α",
    noAlpha: "no two raters on a question yet",
    range: (low, high) => `${signed(low)} to ${signed(high)}`,
    gold: "Gold answered right",
    noGold: "no gold question answered yet",
    share: (hits, num) => `${number(hits)} of ${number(num)}`,
    pace: "Pace",
    perMinute: (value) => `${value.toFixed(1)} / min`,
    active: (count) => (count === 0 ? "nobody here now" : `${plural(count, "rater")} now`),
    left: "Done in",
    atThisPace: "at this pace",
    done: "Done",
    unknown: "unknown",
  },
  chart: {
    label: (sum, goal) => `${number(sum)} of ${number(goal)} answers`,
    goal: "goal",
    every: (seconds) => `answers per ${span(seconds)}`,
    bar: (count, seconds) => `${plural(count, "answer")} in ${span(seconds)}`,
    none: "The first answer begins the chart.",
  },
  byRaters: (raters, questions) => `${plural(questions, "question")} with ${plural(raters, "rater")}`,
  numRaters: (count) => `${plural(count, "rater")} `,
  ratersMore: "Dot and bar: share and 95 % interval. Thin line: chance, or no bias. Red: the whole interval is off.",
  noRaters: "Nobody has come yet. Invite the first rater.",
  columns: {
    name: "Rater",
    answers: "Answers",
    median_seconds: "Seconds each",
    with_others: "Agrees with others",
    gold: "Gold",
    first_place: "Chose first place",
    repeats: "Same on repeats",
    last_seen: "Seen",
    actions: "Actions",
  },
  interval: ({ value, low, high, num }) => `${percent(value)}, interval ${percent(low)} to ${percent(high)}, of ${number(num)}`,
  paceOf: (seconds) => `Seconds of an answer over time, median ${seconds.toFixed(1)}`,
  excluded: "left out",
  withdrawn: "withdrawn",
  participant: (id) => `participant ${id}`,
  manage: "…",
  manageOf: (name) => `Manage ${name}`,
  facts: { answers: "Answers", skipped: "Skipped", participant: "Participant" },
  exclude: "Leave out",
  excludeMore: "No answer of this person counts from now on, in a running training either. It can be undone.",
  reinstate: "Count again",
  reinstateMore: "All answers of this person count again.",
  withdraw: "Withdraw",
  withdrawMore: "For somebody who asked for it: everything is erased, for good.",
  confirm: {
    title: (name) => `Withdraw ${name}?`,
    text: (count) =>
      `This erases ${plural(count, "answer")} and all else that the store has of this person. It cannot be undone. Files and run logs that hold the answers are not rewritten.`,
    yes: "Erase everything",
    no: "Cancel",
  },
  agreementMore: "Cohen’s κ of each pair, over what both answered: 1 is full agreement, 0 that of chance.",
  kappa: (value) => (value === null ? "–" : signed(value)),
  kappaOf: (one, other, value, shared) => `${one} and ${other}: κ ${value === null ? "not defined" : signed(value)}, ${plural(shared, "shared answer")}`,
  noKappa: "Two raters with shared questions are needed.",
  disputedMore: "Most disagreement first. Point at a pair to play it; open it to turn it in 3-D.",
  noDisputed: "Nobody disagrees about anything yet.",
  look: (question) => `Look at question ${question}`,
  question: (question) => `Question ${question}`,
  votes: (votes) => votes.map(({ said: word, count }) => `${count} ${word}`).join(", "),
  disagreement: (value) => `${value.toFixed(1)} × chance`,
  quote: (text) => `“${text}”`,
  cannotDraw: "This browser cannot draw these segments.",
  play: "Play",
  stop: "Pause",
  frame: "Frame",
  close: "Close",
  turn: "Drag to turn, wheel to zoom.",
  now: "Now",
  noAnswers: "No answers yet.",
  seconds: (seconds) => (seconds < 2 ? "now" : seconds < 60 ? `${Math.floor(seconds)} s` : span(seconds)),
  invite: {
    begin: "Invite",
    title: "Invite raters",
    name: "Pseudonym",
    nameMore: "Optional. It is written into files, so no real name.",
    uses: "For",
    one: "one person",
    many: "any number of people, as crowd platforms need it",
    lasts: "Can be used for",
    day: "a day",
    week: "a week",
    always: "as long as the study runs",
    make: "Make link",
    made: "Send this link. It is shown this once.",
    link: "Invitation link",
    copy: "Copy",
    copied: "Copied",
    crowd: "For a crowd platform put ?participant=ID before the #.",
  },
  invitation: ({ max_raters: most, num_raters: used }) => (used === 0 ? "unused" : most === 1 ? "used" : `used by ${number(used)}${most === null ? "" : ` of ${number(most)}`}`),
  expires: (seconds) => (seconds <= 0 ? "ended" : `ends in ${span(seconds)}`),
  unnamed: (id) => `Invitation ${id}`,
  revoke: "Revoke",
  revokeOf: (name) => `Revoke ${name}`,
  noInvitations: "No invitations yet.",
  export: {
    format: "Format",
    jsonl: "JSONL",
    jsonlMore: "all that is known, an answer a line",
    csv: "CSV",
    csvMore: "for spreadsheets; no cell is a formula",
    good: "Leave out raters whose gold is off",
    go: "Export",
  },
  login: {
    title: "Who are you?",
    text: "Open the admin link that the server printed when it started, or paste its token here.",
    token: "Admin token",
    go: "Log in",
  },
};

/** A number with its sign as typography has it. */
function signed(value) {
  return value.toFixed(2).replace("-", "−");
}
