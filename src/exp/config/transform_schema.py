"""The schema of `data.transforms`: a list whose elements are a name, or a name with its parameters.

    data.transforms=[rot90,random_flip,{name: random_crop, size: 224}]

`conf/` cannot have default values for the elements of a list, so the few that there are stand here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PositiveInt, Tag

Direction = Literal["left_right", "up_down"]
PerChannel = float | Annotated[list[float], Field(min_length=1)]
Deviation = Annotated[float, Field(gt=0)]


class Transform(BaseModel):
    """One transform."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Rot90(Transform):
    """Quarter turns, counter-clockwise."""

    name: Literal["rot90"]
    turns: Annotated[int, Field(ge=1, le=3)] = 1


class Flip(Transform):
    """Every picture is mirrored."""

    name: Literal["flip"]
    direction: Direction = "left_right"


class RandomFlip(Transform):
    """In training, half of the pictures are mirrored, chosen at random; in a test none."""

    name: Literal["random_flip"]
    direction: Direction = "left_right"


class RandomCrop(Transform):
    """In training, a square is cut from anywhere in the picture; in a test, from its centre."""

    name: Literal["random_crop"]
    size: PositiveInt


class Normalize(Transform):
    """(picture in 0..1 - mean) / std, for all channels or for each; the defaults give -1..1."""

    name: Literal["normalize"]
    mean: PerChannel = 0.5
    std: Deviation | Annotated[list[Deviation], Field(min_length=1)] = 0.5


TRANSFORMS: dict[str, type[Transform]] = {
    "rot90": Rot90,
    "flip": Flip,
    "random_flip": RandomFlip,
    "random_crop": RandomCrop,
    "normalize": Normalize,
}


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _name(value: Any) -> str | None:
    return value.get("name") if isinstance(value, dict) else None


AnyTransform = Annotated[
    Annotated[Rot90, Tag("rot90")]
    | Annotated[Flip, Tag("flip")]
    | Annotated[RandomFlip, Tag("random_flip")]
    | Annotated[RandomCrop, Tag("random_crop")]
    | Annotated[Normalize, Tag("normalize")],
    Discriminator(_name),
    BeforeValidator(_named),
]
