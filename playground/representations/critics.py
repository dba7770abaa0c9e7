"""Critics T(x, y) for the bounds: every pair of a batch scored at once, (n, n)."""

from torch import Tensor, nn

from playground.nn.seeded import seeded

__all__ = ["CRITICS", "ConcatCritic", "SeparableCritic", "build_critic"]


class SeparableCritic(nn.Module):
    """T(x, y) = f(x) . g(y) / sqrt(d), two perceptrons: n + n passes for n^2 pairs (van den Oord et al. 2018)."""

    def __init__(self, dim_x: int, dim_y: int, *, hidden: int = 128, embed: int = 32) -> None:
        super().__init__()
        self.f, self.g = _perceptron(dim_x, hidden, embed), _perceptron(dim_y, hidden, embed)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores (n, m) of x (n, d) with every y (m, e)."""
        f, g = self.f(x), self.g(y)
        answer: Tensor = f @ g.T / f.shape[1] ** 0.5
        return answer


class ConcatCritic(nn.Module):
    """T(x, y) of one perceptron that sees both: n^2 passes (Belghazi et al. 2018)."""

    def __init__(self, dim_x: int, dim_y: int, *, hidden: int = 128) -> None:
        super().__init__()
        self.first_x, self.first_y = nn.Linear(dim_x, hidden), nn.Linear(dim_y, hidden, bias=False)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores (n, m) of x (n, d) with every y (m, e)."""
        h = self.first_x(x)[:, None] + self.first_y(y)[None]
        answer: Tensor = self.rest(h)[..., 0]
        return answer


def _perceptron(dim: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, out)
    )


CRITICS: dict[str, type[nn.Module]] = {"separable": SeparableCritic, "concat": ConcatCritic}


def build_critic(name: str, dim_x: int, dim_y: int, *, hidden: int = 128, seed: int = 0) -> nn.Module:
    """A critic of `CRITICS`, weights drawn from `seed`.

    Raises `ValueError` for an unknown name or a width out of range.
    """
    if name not in CRITICS:
        raise ValueError(f"no critic is called {name!r}; choose one of {', '.join(CRITICS)}")
    if not 1 <= hidden <= 1024:
        raise ValueError(f"hidden must lie between 1 and 1,024, not {hidden}")
    with seeded(seed):
        return CRITICS[name](dim_x, dim_y, hidden=hidden)
