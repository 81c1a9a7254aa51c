"""Draws docs/images/rooms.svg, the rooms of src/exp and their imports, from the code: `python docs/draw_rooms.py`.

The floors are the layers in pyproject.toml. An arrow leads from a room to one that it imports. An import that follows
from two arrows in a row is left out. The drawing is a layered graph (Sugiyama, Tagawa and Toda, 1981): an arrow over
several floors gets a point on each of them; then an order with few crossings is searched, and places that keep arrows
straight.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).parent.parent
PICTURE = Path(__file__).parent / "images" / "rooms.svg"

BOX_WIDTH, BOX_HEIGHT, FLOOR_HEIGHT, GAP, MARGIN = 124, 36, 92, 26, 70
SWEEPS = 60
COLOURS = ("#3572b0", "#c2571a", "#2e8b57", "#a6447f", "#8a7000", "#6a5acd", "#b03a3a", "#00838f")
"""The colours of arrows, by the room they come from; each can be seen on white and on black."""

STYLE = """
  .ground { fill: #ffffff } .floor { fill: #f3f4f6 } .room { fill: #ffffff; stroke: #6b7280 } text { fill: #111827 }
  text { font-family: sans-serif; font-size: 15px } path { fill: none; stroke-width: 1.8 }
  .number { fill: #6b7280; font-size: 12px }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #111318 } .floor { fill: #1c2027 } .room { fill: #2a2f39; stroke: #9ca3af } text { fill: #f3f4f6 }
    .number { fill: #9ca3af }
  }"""

Point = str | tuple[str, str, int]
"""A room, or the place on a floor at which the arrow between two rooms passes it."""


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top to the bottom, as pyproject.toml has the layers."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def imports() -> dict[str, set[str]]:
    """The rooms that each room imports; a room is a package of `exp`, or a module directly in it."""
    source = ROOT / "src" / "exp"
    found: dict[str, set[str]] = {room: set() for floor in floors() for room in floor}
    for path in sorted(source.rglob("*.py")):
        room = path.relative_to(source).parts[0].removesuffix(".py")
        if room != "__init__":
            found[room] |= set(imported(path)) - {room}
    return found


def imported(path: Path) -> Iterator[str]:
    """The rooms that a file imports, wherever in it; relative imports are not used in this project."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("exp."))


def arrows(graph: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that do not follow from others (the transitive reduction of a graph without circles)."""

    def below(room: str) -> set[str]:
        return graph[room].union(*(below(other) for other in graph[room]))

    implied = {room: set().union(*(below(other) for other in others)) for room, others in graph.items()}
    return [(room, other) for room in graph for other in sorted(graph[room] - implied[room])]


class Drawing:
    """Places for rooms and arrows, floor by floor."""

    def __init__(self, rooms: Sequence[Sequence[str]], arrows: Sequence[tuple[str, str]]) -> None:
        """Find the order of each floor, then the places."""
        self.floor_of = {room: number for number, floor in enumerate(rooms) for room in floor}
        self.floors: list[list[Point]] = [sorted(floor) for floor in rooms]
        self.lines: list[list[Point]] = []
        for room, other in arrows:
            between = range(self.floor_of[room] + 1, self.floor_of[other])
            self.lines.append([room, *((room, other, floor) for floor in between), other])
            for floor in between:
                self.floors[floor].append((room, other, floor))
        self.above: dict[Point, list[Point]] = {point: [] for floor in self.floors for point in floor}
        self.below: dict[Point, list[Point]] = {point: [] for floor in self.floors for point in floor}
        for upper, lower in (pair for line in self.lines for pair in pairwise(line)):
            self.below[upper].append(lower)
            self.above[lower].append(upper)
        self._order()
        self.x = self._places()

    def _order(self) -> None:
        """Sort each floor by the mean place of its neighbours, down and up in turn; the best order is kept."""
        best, fewest = [list(floor) for floor in self.floors], self.crossings()
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            numbers = range(1, len(self.floors)) if down else range(len(self.floors) - 2, -1, -1)
            for number in numbers:
                beside = self.floors[number - 1 if down else number + 1]
                place = {point: index for index, point in enumerate(beside)}
                floor, near = self.floors[number], self.above if down else self.below
                own = {point: index * len(beside) / len(floor) for index, point in enumerate(floor)}
                floor.sort(key=lambda point, near=near, place=place, own=own: (
                    fmean(place[other] for other in near[point]) if near[point] else own[point]
                ))  # fmt: skip
                self._exchange(number)
            if self.crossings() < fewest:
                best, fewest = [list(floor) for floor in self.floors], self.crossings()
        self.floors = best

    def _exchange(self, number: int) -> None:
        """Exchange neighbours on a floor, if fewer arrows cross then."""
        floor = self.floors[number]
        for index in range(len(floor) - 1):
            before = self.crossings()
            floor[index], floor[index + 1] = floor[index + 1], floor[index]
            if self.crossings() >= before:
                floor[index], floor[index + 1] = floor[index + 1], floor[index]

    def crossings(self) -> int:
        """How many pairs of arrows cross."""
        count = 0
        for upper, lower in pairwise(self.floors):
            place = {point: index for index, point in enumerate(lower)}
            ends = [place[other] for point in upper for other in sorted(self.below[point], key=place.__getitem__)]
            count += sum(end > later for index, end in enumerate(ends) for later in ends[index + 1 :])
        return count

    def _places(self) -> dict[Point, float]:
        """The middle of each point from left to right, near those it is joined to."""
        x: dict[Point, float] = {}
        for floor in self.floors:
            x |= dict(zip(floor, _apart([0.0] * len(floor), floor), strict=True))
        for sweep in range(SWEEPS):
            for floor in self.floors if sweep % 2 == 0 else reversed(self.floors):
                near = [[*self.above[point], *self.below[point]] for point in floor]
                wanted = [
                    fmean(x[o] for o in others) if others else x[p] for p, others in zip(floor, near, strict=True)
                ]
                x |= dict(zip(floor, _apart(wanted, floor), strict=True))
        left = min(x[point] - BOX_WIDTH / 2 for point in x)
        return {point: value - left + MARGIN for point, value in x.items()}


def _apart(wanted: Sequence[float], floor: Sequence[Point]) -> list[float]:
    """The places nearest to those wanted (least squares) that keep the order and the distances of a floor."""
    widths = [BOX_WIDTH if isinstance(point, str) else 0 for point in floor]
    offsets = [0.0]
    for width, following in pairwise(widths):
        offsets.append(offsets[-1] + (width + following) / 2 + GAP)
    blocks: list[list[float]] = []  # neighbours that touch move as one: pool adjacent violators
    for value, offset in zip(wanted, offsets, strict=True):
        blocks.append([value - offset])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [fmean(b) + o for b, o in zip((b for b in blocks for _ in b), offsets, strict=True)]


def svg(drawing: Drawing) -> str:
    """The picture as text, the same for the same imports."""
    width = round(max(drawing.x.values()) + BOX_WIDTH / 2 + GAP)
    height = len(drawing.floors) * FLOOR_HEIGHT + GAP // 2
    parts = [f'<rect class="ground" width="{width}" height="{height}"/>']
    for number in range(len(drawing.floors)):
        top = number * FLOOR_HEIGHT + GAP // 2
        parts.append(f'<rect class="floor" x="8" y="{top}" width="{width - 16}" height="{BOX_HEIGHT + 16}" rx="6"/>')
        parts.append(f'<text class="number" x="16" y="{top + 30}">{len(drawing.floors) - number}</text>')
    colour = {room: COLOURS[index % len(COLOURS)] for index, room in enumerate(drawing.floor_of)}
    parts += [_arrow(drawing, line, colour[str(line[0])]) for line in drawing.lines]
    for room, floor in drawing.floor_of.items():
        x, y = drawing.x[room], _top(floor)
        parts.append(
            f'<rect class="room" x="{x - BOX_WIDTH / 2:.1f}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
        )
        parts.append(f'<text x="{x:.1f}" y="{y + 23}" text-anchor="middle">{room}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, "<title>The rooms of src/exp</title>", f"<style>{STYLE}\n</style>", *parts, "</svg>\n"])


def _top(floor: int) -> int:
    return floor * FLOOR_HEIGHT + GAP // 2 + 8


def _arrow(drawing: Drawing, line: Sequence[Point], colour: str) -> str:
    """A smooth line from the lower side of a box, past those between, to the upper side of another."""
    (room, other), x = (line[0], line[-1]), drawing.x
    first, last = drawing.floor_of[str(room)], drawing.floor_of[str(other)]
    start = x[room] + _port(x, drawing.below[room], line[1])
    end = x[other] + _port(x, drawing.above[other], line[-2])
    across = [start, *(x[point] for point in line[1:-1]), end]
    y = _top(first) + BOX_HEIGHT
    path = f"M {start:.1f} {y}"
    for step, (here, there) in enumerate(pairwise(across), first + 1):
        top = _top(step) - (7 if step == last else 0)
        middle = (y + top) / 2
        path += f" C {here:.1f} {middle:.1f} {there:.1f} {middle:.1f} {there:.1f} {top}"
        if step != last:
            y = top + BOX_HEIGHT
            path += f" V {y}"
    head = f"{end - 4.5:.1f},{_top(last) - 8} {end + 4.5:.1f},{_top(last) - 8} {end:.1f},{_top(last)}"
    return f'<path d="{path}" stroke="{colour}"/><polygon points="{head}" fill="{colour}"/>'


def _port(x: Mapping[Point, float], ends: Sequence[Point], end: Point) -> float:
    """Where an arrow meets a box, from its middle: arrows lie side by side, in the order of their other ends."""
    order = sorted(ends, key=x.__getitem__)
    return (order.index(end) - (len(order) - 1) / 2) * min(18, (BOX_WIDTH - 20) / len(order))


def picture() -> str:
    """The picture of the code as it is now."""
    return svg(Drawing(floors(), arrows(imports())))


if __name__ == "__main__":
    Path(*sys.argv[1:2] or [PICTURE]).write_text(picture())
