"""Adams-Bashforth methods: the slopes of the last steps, extrapolated as a polynomial in a clock and integrated.

LMS (k-diffusion): epsilon in the clock sigma. DEIS (Zhang and Chen 2023): epsilon in ln sigma. Theta-AB: EDM's network
output F in theta = arctan(sigma / sigma_data), where the ODE is dy/dtheta = -F. iPNDM: epsilon with the weights of
equal steps, whatever the steps. All reach sigma = 0 but DEIS, whose clock is infinite there: its last step is x = D.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from playground.diffusion.solvers.solver import Problem, Slope, Solver, Walk, calls_of, moved

__all__ = ["EQUAL", "deis", "extrapolate", "ipndm", "lms", "theta_ab"]

# Adams-Bashforth's weights of equal steps, the newest slope first
EQUAL = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def extrapolate(nodes: Sequence[float], start: float, end: float) -> list[float]:
    """The integral from start to end of each Lagrange polynomial through the nodes."""
    h = end - start
    powers = np.arange(len(nodes))
    u = (np.asarray(nodes) - start) / h
    return (h * np.linalg.solve(u[None] ** powers[:, None], 1 / (powers + 1))).tolist()


def lms(*, order: int = 4) -> Solver:
    """Linear multistep in sigma."""
    return _epsilon_method("lms", order, lambda past, sigma, new: extrapolate(past, sigma, new))


def deis(*, order: int = 3) -> Solver:
    """DEIS with a polynomial in ln sigma (tAB, "logrho")."""

    def weights(past: Sequence[float], sigma: float, new: float) -> list[float]:
        """Integrals in sigma of Lagrange's polynomials in u = ln(sigma / sigma_n)."""
        u = np.log(np.asarray(past) / sigma)
        end = math.log(new / sigma)
        moments: list[float] = []
        for power in range(len(past)):  # I_p = [sigma u^p] - p I_{p-1}
            boundary = new * end**power - (sigma if power == 0 else 0.0)
            moments.append(boundary - power * moments[-1] if power else boundary)
        return np.linalg.solve(u[None] ** np.arange(len(past))[:, None], moments).tolist()

    return _epsilon_method("deis", order, weights, finite=False)


def ipndm(*, order: int = 4) -> Solver:
    """PNDM's linear multistep from the first step on, lower orders first (Zhang and Chen 2023)."""
    return _epsilon_method(
        "ipndm", order, lambda past, sigma, new: [(new - sigma) * w for w in EQUAL[len(past) - 1]], formal=min(order, 2)
    )


def _epsilon_method(
    name: str,
    order: int,
    weights: Callable[[Sequence[float], float, float], list[float]],
    *,
    finite: bool = True,
    formal: int | None = None,
) -> Solver:
    """x' = x + sum_j w_j epsilon_j over the last `order` steps; weights(levels newest first, sigma, new sigma)."""
    if not 1 <= order <= 4:
        raise ValueError(f"{name} has the orders 1 to 4, not {order}")

    def run(problem: Problem, x: Tensor) -> Walk:
        levels: list[float] = []
        slopes: list[Slope] = []  # epsilon at each level
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            if sigma_next == 0 and not finite:
                x = denoised
            else:
                levels = [sigma, *levels[: order - 1]]
                slopes = [(1 / sigma, x - denoised), *slopes[: order - 1]]
                x = moved(x, weights(levels, sigma, sigma_next), slopes)
            yield x, denoised

    return Solver(name, formal or order, run, calls_of(1))


def theta_ab(*, order: int = 3, sigma_data: float = 1.0) -> Solver:
    """Adams-Bashforth in theta on y = x_hat / sqrt(sigma^2 + sigma_data^2)."""
    if not 1 <= order <= 4:
        raise ValueError(f"theta_ab has the orders 1 to 4, not {order}")
    if not sigma_data > 0:
        raise ValueError(f"sigma_data must be positive, not {sigma_data}")

    def run(problem: Problem, x: Tensor) -> Walk:
        clock: list[float] = []
        slopes: list[Slope] = []  # dy/dtheta = -F
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            size = math.hypot(sigma, sigma_data)
            # F = (D - c_skip x) / c_out of EDM's preconditioning
            F = -size / (sigma * sigma_data), torch.sub(denoised, x, alpha=(sigma_data / size) ** 2)
            theta, theta_next = math.atan(sigma / sigma_data), math.atan(sigma_next / sigma_data)
            clock = [theta, *clock[: order - 1]]
            slopes = [F, *slopes[: order - 1]]
            y = moved(x / size, extrapolate(clock, theta, theta_next), slopes)
            x = y * math.hypot(sigma_next, sigma_data)
            yield x, denoised

    return Solver("theta_ab", order, run, calls_of(1))
