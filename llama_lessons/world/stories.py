"""Stories: a plot, a cast that fits it, and one way to tell each step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from llama_lessons.world.draw import Draw
from llama_lessons.world.plots import Plot, read_plots
from llama_lessons.world.text import MAN, WOMAN, capital, fields, with_article, world_file
from llama_lessons.world.valley import Valley, load_valley

Slots = dict[str, str]


@dataclass(frozen=True)
class Story:
    """A story and what it is about.

    Args:
        text: the story, one paragraph.
        slots: what was filled in: "A" the hero's name, "thing", "colour", "T" the village ...
    """

    text: str
    slots: Slots


class Storyteller:
    """Tells stories of a Valley.

    Args:
        valley: whose places, people and llamas the stories are about: they never contradict its facts.
    """

    def __init__(self, valley: Valley) -> None:
        names = valley.names
        words = fields("story_words.txt")
        self.words = {key: [_word(key[:-1], word) for word in _split(words[key])] for key in ("traits", "weathers")}
        self.words["treats"] = [{"treat": treat} for treat in _split(words["treats"])]
        self.colours = {n: [_word(f"colour{n}", colour) for colour in _split(words["colours"])] for n in ("", "2")}
        self.girls = {role: [_character(role, name, WOMAN, "girl") for name in names.groups["girls"]] for role in "AB"}
        self.boys = {role: [_character(role, name, MAN, "boy") for name in names.groups["boys"]] for role in "AB"}
        self.villagers = _villagers(valley)
        self.llamas = _llamas(valley)
        self.places = _places(valley)
        self.villages = list(self.places)
        self.things = {n: _things(n) for n in ("", "2")}
        self.plots = read_plots(world_file("plots.txt"), self._known())

    def _known(self) -> set[str]:
        """The names of all slots."""
        tables = [*self.words.values(), *self.colours.values(), *self.girls.values(), *self.boys.values()]
        tables += [list(table.values()) for table in (self.villagers, self.llamas, self.places)]
        tables += [[slots for slots, _ in table] for table in self.things.values()]
        return {slot for table in tables for slot in table[0]}

    def tell(self, draw: Draw) -> Story:
        """A story drawn at random."""
        plot = draw.pick(self.plots)
        slots = self._fill(plot, draw)
        random = draw.random
        template = " ".join([ways[int(random() * len(ways))] for ways in plot.steps])
        return Story(template % slots, slots)

    def _fill(self, plot: Plot, draw: Draw) -> Slots:
        slots = draw.pick(self.words["traits"]) | draw.pick(self.words["weathers"])
        slots |= draw.pick(self.words["treats"])
        hero, other = (self.girls, self.boys) if draw.random() < 0.5 else (self.boys, self.girls)
        home = None
        for part in plot.cast:
            if part in ("A child", "B child"):
                slots |= draw.pick((hero if part[0] == "A" else other)[part[0]])
            elif part == "L llama":
                slots |= draw.pick(list(self.llamas.values()))
            elif part in ("thing", "thing2"):
                self._add_thing(part[5:], slots, draw)
            elif part.startswith("T home of "):
                home = slots[f"{part[-1]}.town"]
            elif part.startswith("V "):
                slots |= self._villager(part[2:], slots, draw)
        while not home or (home == slots.get("V.town") and "T home of V" not in plot.cast and "L" not in slots):
            home = draw.pick(self.villages)
        return slots | self.places[home]

    def _add_thing(self, n: str, slots: Slots, draw: Draw) -> None:
        """Put a thing and its colour into the slots; the second differs from the first in both."""
        thing, mender = draw.pick(self.things[n])
        colour = draw.pick(self.colours[n])
        while n and (thing["thing2"] == slots["thing"] or colour["colour2"] == slots["colour"]):
            thing, mender = draw.pick(self.things[n])
            colour = draw.pick(self.colours[n])
        slots |= thing | colour
        slots["mender"] = mender

    def _villager(self, wanted: str, slots: Slots, draw: Draw) -> Slots:
        if wanted == "villager":
            return draw.pick(list(self.villagers.values()))
        if wanted == "owner of L":
            return self.villagers[slots["L.owner"]]
        job = slots["mender"] if wanted == "mender" else wanted
        able = [slots for slots in self.villagers.values() if slots["V.job"] == job]
        if not able:
            raise ValueError(f"a story needs a {job}, and nobody in data/world/facts/people.txt is one")
        return draw.pick(able)


@cache
def storyteller() -> Storyteller:
    """The storyteller of the Valley in data/world."""
    return Storyteller(load_valley())


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")] if "|" in words else words.split()


def _word(slot: str, word: str) -> Slots:
    return {slot: word, f"a {slot}": with_article(word)}


def _character(role: str, name: str, pronouns: dict[str, str], kind: str) -> Slots:
    slots = {role: name, f"{role}.girl": kind}
    for key, pronoun in pronouns.items():
        slots[f"{role}.{key}"] = pronoun
        slots[f"{role}.{capital(key)}"] = capital(pronoun)
    return slots


def _villagers(valley: Valley) -> dict[str, Slots]:
    """Name -> the slots of role V."""
    home, hobby = valley.answers("people", "home"), valley.answers("people", "hobby")
    tool, gives = valley.answers("jobs", "tool"), valley.answers("jobs", "gives")
    villagers = {}
    for name, job in valley.answers("people", "job").items():
        slots = _character("V", name, valley.names.pronouns[name], valley.names.kinds[name])
        slots |= {"V.job": job, "a V.job": with_article(job), "V.tool": tool[job], "V.gives": gives[job]}
        villagers[name] = slots | {"V.town": home[name], "V.hobby": hobby[name]}
    return villagers


def _llamas(valley: Valley) -> dict[str, Slots]:
    """Name -> the slots of role L."""
    snack, owner = valley.answers("llamas", "snack"), valley.answers("llamas", "owner")
    home = valley.answers("people", "home")
    return {
        name: _character("L", name, valley.names.pronouns[name], "llama")
        | {"L.wool": wool, "a L.wool": with_article(wool), "L.snack": snack[name]}
        | {"L.owner": owner[name], "L.town": home[owner[name]]}
        for name, wool in valley.answers("llamas", "wool").items()
    }


def _places(valley: Valley) -> dict[str, Slots]:
    """Village -> the slots of role T."""
    goods, building = valley.answers("places", "known for"), valley.answers("places", "building")
    feast = valley.answers("places", "feast")
    return {
        name: {"T": name, "T.land": land, "T.goods": goods[name], "T.building": building[name], "T.feast": feast[name]}
        for name, land in valley.answers("places", "land").items()
    }


def _things(n: str) -> list[tuple[Slots, str]]:
    """(slots, trade that mends it) of each thing; n is what stands behind the slots' names: nothing, or 2."""
    things = []
    for name, parts in fields("things.txt").items():
        if parts.count(";") != 2:
            raise ValueError(f"data/world/things.txt: {name} needs three parts with ';' between them, got {parts!r}")
        used, use, mender = (part.strip() for part in parts.split(";"))
        slots = {f"thing{n}": name, f"a thing{n}": with_article(name), f"used{n}": used, f"use{n}": use}
        things.append((slots, mender))
    return things
