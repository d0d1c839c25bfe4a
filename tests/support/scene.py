"""What the tables of rules are played on: the world at noon, and the browsers of those in it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.test import Client

from tests.support.people import World, signed_in


@dataclass
class Scene:
    """The world and the browsers of a member and of two advisors."""

    world: World
    wang: Client = field(init=False)
    li: Client = field(init=False)
    zhang: Client = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        self.wang, self.li, self.zhang = signed_in(world.wang), signed_in(world.li), signed_in(world.zhang)

    @property
    def path(self) -> str:
        return f"/api/cases/{self.world.case.number}/"


Act = Callable[[Scene], object]
