"""What the files of a run folder hold, of this version and of earlier ones."""

from typing import Annotated

from pydantic import AliasChoices, Field

from prefgym.common.schema import FileModel, FileName, Number, Sha256, Whole

Count = Annotated[Whole, Field(ge=0)]
Command = str | list[str] | None


class ResultFile(FileModel):
    """`result.json`; a file of an earlier version lacks some of it."""

    final_return_mean: Number | None = None
    final_return_std: Number | None = None
    returns: tuple[Number, ...] = ()
    episode_lengths: tuple[Count, ...] = ()
    success_rate: Number | None = None
    steps: Count | None = None
    updates: Count | None = None
    num_asked: Count | None = None
    num_answered: Count | None = None
    interrupted: bool | None = None
    reason: str | None = None
    wall_time_s: Number | None = None
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
    command: Command = None


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
