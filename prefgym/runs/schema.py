"""What the files of a run folder hold, of this version and of earlier ones."""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from prefgym.common.schema import FileModel, FileName, PlainDict, Sha256, Whole

Count = Annotated[Whole, Field(ge=0)]
Command = str | list[str] | None
Columns = TypeVar("Columns", bound=FileModel)


class ResultFile(FileModel):
    """`result.json`; a file of an earlier version lacks some of it, and one of a later version has more."""

    model_config = ConfigDict(frozen=True, extra="allow")

    final_return_mean: float | None = None
    final_return_std: float | None = None
    returns: list[float] = Field(default_factory=list[float])
    episode_lengths: list[Count] = Field(default_factory=list[int])
    success_rate: float | None = None
    steps: Count | None = None
    updates: Count | None = None
    num_asked: Count | None = None
    num_answered: Count | None = None
    interrupted: bool | None = None
    reason: str | None = None
    wall_time_s: float | None = None
    env: str | None = None
    rater: str | None = None
    agent: str | None = None
    seed: Count | None = None
    version: str | None = None
    task_description: str | None = Field(None, validation_alias=AliasChoices("task_description", "wish"))
    metric: str | None = Field(None, validation_alias=AliasChoices("metric", "measure"))
    command: Command = None


class RunManifest(FileModel):
    """`manifest.json`: the SHA-256 of each file of a finished run, by its path in the folder."""

    sha256: dict[FileName, Sha256]


class HeldOutFile(FileModel):
    """`report/held_out.json`."""

    probability: list[float]
    choice: list[float]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        return _equally_long(self)


class PairsFile(FileModel):
    """`report/reward_scatter.json`."""

    true: list[float]
    learned: list[float]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        return _equally_long(self)


def _equally_long(content: Columns) -> Columns:
    lengths = {name: len(column) for name, column in content}
    if len({*lengths.values()}) > 1:
        raise ValueError(" and ".join(f"{length} values of {name}" for name, length in lengths.items()))
    return content


class CheckpointFiles(FileModel):
    """The SHA-256 of the files of a checkpoint."""

    arrays: Sha256 = Field(alias="arrays.safetensors")
    plain: Sha256 = Field(alias="plain.json")


class ShardRow(FileModel):
    """A shard that a checkpoint needs."""

    name: Annotated[str, Field(pattern=r"^shards/[0-9]{6,12}\.safetensors$")]
    sha256: Sha256
    end: Whole


class CheckpointManifest(FileModel):
    """`manifest.json` of a checkpoint."""

    steps: Count
    files: CheckpointFiles
    shards: list[ShardRow]


class PolicyManifest(FileModel):
    """`manifest.json` of a policy of a run that has no checkpoints."""

    steps: Count
    stateless: list[str]
    """Parts of the run without a state, for which it has none."""
    sha256: dict[FileName, Sha256]


class Bounds(FileModel):
    """The bounds of a space; null for an infinite one."""

    low: list[float | None]
    high: list[float | None]


class SpacesCard(FileModel):
    """The spaces of the environments that an agent was made for."""

    observation: Bounds
    action: Bounds


class AgentCard(FileModel):
    """The JSON file beside the weights of an agent."""

    agent: str
    cfg: dict[str, Any]
    spaces: SpacesCard


class RewardCard(FileModel):
    """The JSON file beside the weights of a reward learner."""

    reward: str
    cfg: dict[str, Any]
    spaces: SpacesCard | None = None


class SittingCard(FileModel):
    """A sitting of a person."""

    name: str
    device: str = ""
    duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    consent: str = ""
    instructions: str = ""


class RaterCard(FileModel):
    """A rater, in `preferences.json` and in the log of answers."""

    name: str
    settings: PlainDict = Field(default_factory=dict)
    kind: Literal["simulated", "human", "vlm"] = "simulated"
    sitting: SittingCard | None = None
