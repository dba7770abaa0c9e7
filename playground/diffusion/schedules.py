"""The schedules by name: tables of betas, the closed forms of score matching, EDM and flow matching, one drawn."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.grids import arctan_uniform, karras, log_uniform
from playground.diffusion.names import look_up, make
from playground.diffusion.noise import NoiseDistribution, uniform_time
from playground.diffusion.noise import log_normal as log_normal_noise
from playground.diffusion.noise import log_uniform as log_uniform_noise
from playground.diffusion.schedule import Curve, Schedule, flow_scale, one, trig_scale, vp_scale

__all__ = [
    "NUMBERED",
    "SCHEDULES",
    "beta_table",
    "cosine",
    "ddpm",
    "drawn",
    "edm",
    "flow",
    "iddpm",
    "schedule",
    "sd3",
    "trig",
]

NUMBERED = ("ddpm", "cosine", "sigmoid", "scaled_linear")  # time t is step 1000 t - 1, which networks hear
STEPS = 1000  # of a table of betas
FLOW_END = 1 - 1e-8  # time 1 is pure noise, of infinite sigma: as near as float64 can come without losing the data
BETA_CAP = 0.999  # of the cosine schedule's last step (Nichol and Dhariwal 2021)


def schedule(name: str, **options: Any) -> Schedule:
    """A schedule of `SCHEDULES`; the options are its constructor's.

    Raises `ValueError` for an unknown name and for options out of range.

    >>> s = schedule("scaled_linear")
    >>> round(s.sigma_min, 4), round(s.sigma_max, 3)
    (0.0292, 14.615)
    """
    return make("schedule", name, SCHEDULES, options)


def beta_table(kind: str, *, beta_min: float = 1e-4, beta_max: float = 0.02) -> Tensor:
    """The 1000 betas of a table: "linear" (Ho et al. 2020), "scaled_linear" (Rombach et al. 2022) or "sigmoid"."""
    if not 0 < beta_min < beta_max < 1:
        raise ValueError(f"0 < beta_min < beta_max < 1 is needed, not {beta_min=} and {beta_max=}")
    line = torch.linspace(0, 1, STEPS, dtype=torch.float64)
    if kind == "linear":
        return beta_min + line * (beta_max - beta_min)
    if kind == "scaled_linear":
        return (beta_min**0.5 + line * (beta_max**0.5 - beta_min**0.5)).square()
    if kind == "sigmoid":
        return beta_min + (12 * line - 6).sigmoid() * (beta_max - beta_min)
    raise ValueError(f"no table is called {kind!r}; choose linear, scaled_linear or sigmoid")


def _table(name: str, betas: Tensor) -> Schedule:
    """A table of betas: step i has time (i + 1) / 1000; ln sigma is linear between the steps, sigma below the first.

    A sampler's steps lie on the table, spaced from its end ("trailing", Lin et al. 2023).
    """
    log_alpha_bar = torch.log1p(-betas).cumsum(0)
    sigma = (-log_alpha_bar).expm1().sqrt()  # sqrt(1 / alpha_bar - 1)
    t = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
    sigma_of, time_of = _interpolate(t, sigma)

    def times(n: int) -> Tensor:
        if n > STEPS:
            raise ValueError(f"{name} is a table of {STEPS} steps: take at most {STEPS} of them, not {n}")
        return (STEPS - torch.arange(n, dtype=torch.float64) * (STEPS / n)).round() / STEPS

    noise = uniform_time(sigma_of, time_of, 1 / STEPS, 1.0)
    return Schedule(name, sigma_of, time_of, vp_scale, 1 / STEPS, 1.0, times, noise)


def _interpolate(t: Tensor, sigma: Tensor) -> tuple[Curve, Curve]:
    """sigma(t) and its inverse through knots: ln sigma is linear between them and goes straight on above the last.

    Below the first sigma is linear down to 0 at time 0, where the first's time is not 0 itself; else ln sigma goes
    straight on there too, into negative times, so that no two levels have one time.
    """
    log_of, t_of = _line(t, sigma.log()), _line(sigma.log(), t)
    first_t, first = t[0].item(), sigma[0].item()

    def sigma_of(time: Tensor) -> Tensor:
        inner = log_of(time).exp()
        return torch.where(time < first_t, first * time / first_t, inner) if first_t > 0 else inner

    def time_of(level: Tensor) -> Tensor:
        if first_t == 0:
            return t_of(level.log())
        low = level < first
        inner = t_of(torch.where(low, first, level).log())
        return torch.where(low, first_t * level / first, inner)

    return sigma_of, time_of


def _line(x_knots: Tensor, y_knots: Tensor) -> Curve:
    """y(x), straight between the knots and beyond them."""
    slopes = y_knots.diff() / x_knots.diff()

    def y_of(x: Tensor) -> Tensor:
        x0, y0, slope = (values.to(x.device) for values in (x_knots, y_knots, slopes))
        i = torch.searchsorted(x0[1:-1], x.detach().contiguous())
        return y0[i] + (x - x0[i]) * slope[i]

    return y_of


def ddpm(*, beta_min: float = 1e-4, beta_max: float = 0.02) -> Schedule:
    """DDPM's linear table of betas (Ho et al. 2020)."""
    return _table("ddpm", beta_table("linear", beta_min=beta_min, beta_max=beta_max))


def scaled_linear(*, beta_min: float = 0.00085, beta_max: float = 0.012) -> Schedule:
    """Stable Diffusion's table: sqrt(beta) is linear (Rombach et al. 2022)."""
    return _table("scaled_linear", beta_table("scaled_linear", beta_min=beta_min, beta_max=beta_max))


def sigmoid(*, beta_min: float = 1e-4, beta_max: float = 0.02) -> Schedule:
    """A sigmoid table of betas (GeoDiff, Xu et al. 2022)."""
    return _table("sigmoid", beta_table("sigmoid", beta_min=beta_min, beta_max=beta_max))


def cosine(*, offset: float = 0.008) -> Schedule:
    """alpha_bar(t) = f(t) / f(0), f(t) = cos^2((t + offset) / (1 + offset) pi / 2) (Nichol and Dhariwal 2021).

    The last of 1000 steps has beta capped at .999: ln sigma is linear there. With offset 0, sigma = tan(pi t / 2).
    """
    if not 0 <= offset < 1:
        raise ValueError(f"offset must lie in [0, 1), not {offset}")
    quarter = math.pi / 2 / (1 + offset)
    start = math.cos(quarter * offset)
    knee = 1 - 1 / STEPS
    ratio = math.cos(quarter * (knee + offset)) / start  # sqrt of alpha_bar at the knee
    log_knee = 0.5 * math.log(1 / ratio**2 - 1)
    log_last = 0.5 * math.log(1 / (ratio**2 * (1 - BETA_CAP)) - 1)

    def sigma_of(t: Tensor) -> Tensor:
        angle = quarter * (t.clamp(max=knee) + offset)
        # 1 / alpha_bar - 1 = (cos^2 a0 - cos^2 a) / cos^2 a; the product keeps the digits of a small t
        a0 = quarter * offset
        inner = ((angle - a0).sin() * (angle + a0).sin()).clamp_min(0).sqrt() / angle.cos()
        capped = (log_knee + (t - knee) * STEPS * (log_last - log_knee)).exp()
        return torch.where(t > knee, capped, inner)

    def time_of(sigma: Tensor) -> Tensor:
        cosine = start / torch.hypot(sigma, torch.ones_like(sigma))
        inner = (cosine.clamp(max=1.0).acos() / quarter - offset).clamp_min(0)
        capped = knee + (sigma.log() - log_knee) / (STEPS * (log_last - log_knee))
        return torch.where(sigma > math.exp(log_knee), capped, inner)

    noise = uniform_time(sigma_of, time_of, 1 / STEPS, 1.0)
    return Schedule("cosine", sigma_of, time_of, vp_scale, 1 / STEPS, 1.0, _even(1.0), noise)


def vp(*, beta_d: float = 19.9, beta_min: float = 0.1, epsilon_s: float = 1e-3) -> Schedule:
    """The variance-preserving SDE (Song et al. 2021; Table 1 of Karras et al. 2022), continuous DDPM."""
    if not (beta_d > 0 and beta_min >= 0 and 0 < epsilon_s < 1):
        raise ValueError(
            f"beta_d > 0, beta_min >= 0 and 0 < epsilon_s < 1 are needed: {beta_d}, {beta_min}, {epsilon_s}"
        )

    def sigma_of(t: Tensor) -> Tensor:
        return (0.5 * beta_d * t.square() + beta_min * t).expm1().clamp_min(0).sqrt()

    def time_of(sigma: Tensor) -> Tensor:
        twice = 2 * beta_d * torch.log1p(sigma.square())
        return twice / ((beta_min**2 + twice).sqrt() + beta_min) / beta_d  # the root without cancellation

    def times(n: int) -> Tensor:
        return 1 + torch.arange(n, dtype=torch.float64) / max(1, n - 1) * (epsilon_s - 1)

    noise = uniform_time(sigma_of, time_of, 1e-5, 1.0)
    return Schedule("vp", sigma_of, time_of, vp_scale, epsilon_s, 1.0, times, noise)


def ve(*, sigma_min: float = 0.02, sigma_max: float = 100.0) -> Schedule:
    """The variance-exploding SDE: t = sigma^2 (Song et al. 2021; Table 1 of Karras et al. 2022)."""
    _check(sigma_min, sigma_max)
    return Schedule(
        "ve",
        torch.sqrt,
        torch.square,
        one,
        sigma_min**2,
        sigma_max**2,
        lambda n: log_uniform(n, sigma_min, sigma_max)[:-1].square(),
        log_uniform_noise(sigma_min, sigma_max),
    )


def edm(
    *, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0, P_mean: float = -1.2, P_std: float = 1.2
) -> Schedule:
    """EDM: t = sigma, steps even in sigma^(1/rho) (Karras et al. 2022)."""
    _check(sigma_min, sigma_max)
    if not 0 < rho <= 100:
        raise ValueError(f"rho must lie in (0, 100], not {rho}")
    noise = log_normal_noise(P_mean, P_std)
    times = lambda n: karras(n, sigma_min, sigma_max, rho=rho)[:-1]  # noqa: E731
    return Schedule("edm", _same, _same, one, sigma_min, sigma_max, times, noise)


def iddpm(*, j0: int = 8) -> Schedule:
    """The levels u_j of iDDPM (Nichol and Dhariwal 2021) as Table 1 of Karras et al. 2022 has them; t = sigma."""
    u = iddpm_levels()
    if not 0 <= j0 < STEPS - 1:
        raise ValueError(f"j0 must lie between 0 and {STEPS - 2}, not {j0}")

    def times(n: int) -> Tensor:
        if n > STEPS - j0:
            raise ValueError(f"iddpm has {STEPS - j0} levels: take at most as many steps, not {n}")
        i = torch.arange(n, dtype=torch.float64) / max(1, n - 1)
        return u[(j0 + (STEPS - 1 - j0) * i + 0.5).floor().long()]

    def quantile(x: Tensor) -> Tensor:
        return u[(x * STEPS).long().clamp(max=STEPS - 1)]

    log_u = u[:STEPS].log().flip(0)

    def density(sigma: Tensor) -> Tensor:
        i = torch.searchsorted(log_u, sigma.log().contiguous()).clamp(1, STEPS - 1)
        inside = (sigma >= u[STEPS - 1]) & (sigma <= u[0])
        return torch.where(inside, 1 / (STEPS * (log_u[i] - log_u[i - 1])), 0.0)

    noise = NoiseDistribution("j ~ U{0, …, M − 1}", quantile, density)
    return Schedule("iddpm", _same, _same, one, u[STEPS - 1].item(), u[j0].item(), times, noise)


def iddpm_levels(*, C1: float = 0.001, C2: float = 0.008) -> Tensor:
    """u_0 > ... > u_M = 0 (M + 1,), M = 1000 (Table 1 of Karras et al. 2022)."""
    j = torch.arange(STEPS + 1, dtype=torch.float64)
    alpha_bar = (math.pi / 2 * j / STEPS / (C2 + 1)).sin().square()
    u = torch.zeros(STEPS + 1, dtype=torch.float64)
    for k in range(STEPS, 0, -1):
        u[k - 1] = ((u[k] ** 2 + 1) / max((alpha_bar[k - 1] / alpha_bar[k]).item(), C1) - 1).sqrt()
    return u


def flow() -> Schedule:
    """Rectified flow, flow matching: x_t = (1 - t) x_0 + t epsilon, t uniform (Liu, Lipman et al. 2023)."""
    return _shifted("flow", 1.0, None)


def sd3(*, shift: float = 3.0, logit_normal: tuple[float, float] | None = (0.0, 1.0)) -> Schedule:
    """Flow matching whose sigma is multiplied by `shift` (Esser et al. 2024): t is the time before the shift.

    `logit_normal` are mean and standard deviation of logit t in training; None: t is uniform.
    """
    if not 0.01 <= shift <= 100:
        raise ValueError(f"shift must lie between 0.01 and 100, not {shift}")
    return _shifted("sd3", shift, logit_normal)


def _shifted(name: str, shift: float, logit_normal: tuple[float, float] | None) -> Schedule:
    sigma_of = lambda t: shift * t / (1 - t)  # noqa: E731
    time_of = lambda sigma: sigma / (shift + sigma)  # noqa: E731
    noise = (
        uniform_time(sigma_of, time_of, 0.0, 1.0)
        if logit_normal is None
        else log_normal_noise(logit_normal[0] + math.log(shift), logit_normal[1])
    )
    plain = (
        None if shift == 1 else flow()
    )  # the shift only moves the steps: Euler's goes straight on in the shifted time
    return Schedule(name, sigma_of, time_of, flow_scale, 1 / STEPS, FLOW_END, _even(FLOW_END), noise, plain)


def trig(*, sigma_data: float = 1.0, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Schedule:
    """x = cos(theta) x_0 + sin(theta) z, z ~ N(0, sigma_data^2), theta = arctan(sigma / sigma_data) (Lu, Song 2024).

    In training ln(sigma_data tan(theta)), that is ln sigma, is N(-1, 1.4^2) whatever sigma_data.
    """
    _check(sigma_min, sigma_max)
    if not sigma_data > 0:
        raise ValueError(f"sigma_data must be positive, not {sigma_data}")
    sigma_of = lambda theta: sigma_data * theta.tan()  # noqa: E731
    time_of = lambda sigma: (sigma / sigma_data).atan()  # noqa: E731
    low, high = math.atan(sigma_min / sigma_data), math.atan(sigma_max / sigma_data)
    return Schedule(
        "trig",
        sigma_of,
        time_of,
        trig_scale(sigma_data),
        low,
        high,
        lambda n: time_of(arctan_uniform(n, sigma_min, sigma_max, sigma_data=sigma_data)[:-1]),
        log_normal_noise(-1.0, 1.4),
    )


def drawn(times: Sequence[float], sigmas: Sequence[float], *, scale: str = "ve") -> Schedule:
    """A schedule through knots, ln sigma being linear in t between them; a sampler steps from the first knot to 0.

    Below the first knot sigma is linear, down to 0 at time 0; where the first knot's time is 0, ln sigma goes straight
    on at negative times.
    `scale` is "ve" (s = 1), "vp" or "flow". Raises `ValueError` unless both rise strictly and all sigmas are positive.
    """
    scales = {"ve": one, "vp": vp_scale, "flow": flow_scale}
    scale_of = look_up("scale", scale, scales)
    t, sigma = (torch.as_tensor(values, dtype=torch.float64).flatten() for values in (times, sigmas))
    if not (2 <= len(t) == len(sigma) <= 10_000):
        raise ValueError(f"as many times as sigmas are needed, 2 to 10,000, not {len(t)} and {len(sigma)}")
    if not (t.isfinite().all() and sigma.isfinite().all() and t[0] >= 0 and sigma[0] > 0):
        raise ValueError("times and sigmas must be finite, times from 0 on and sigmas positive")
    if not ((t.diff() > 0).all() and (sigma.diff() > 0).all()):
        bad = int(((t.diff() <= 0) | (sigma.diff() <= 0)).nonzero()[0])
        raise ValueError(
            f"a schedule rises: time and sigma of knot {bad + 1} ({t[bad + 1]:g}, {sigma[bad + 1]:g}) "
            f"must lie above those of knot {bad} ({t[bad]:g}, {sigma[bad]:g})"
        )
    sigma_of, time_of = _interpolate(t, sigma)
    low, high = t[0].item(), t[-1].item()

    def even(n: int) -> Tensor:
        return high - torch.arange(n, dtype=torch.float64) / max(1, n - 1) * (high - low)

    noise = uniform_time(sigma_of, time_of, low, high)
    return Schedule("drawn", sigma_of, time_of, scale_of, low, high, even, noise)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "ddpm": ddpm,
    "cosine": cosine,
    "sigmoid": sigmoid,
    "scaled_linear": scaled_linear,
    "vp": vp,
    "ve": ve,
    "iddpm": iddpm,
    "edm": edm,
    "flow": flow,
    "sd3": sd3,
    "trig": trig,
}


def _even(t_max: float) -> Callable[[int], Tensor]:
    """n times from t_max on at equal steps, the next one being 0."""
    return lambda n: t_max * (1 - torch.arange(n, dtype=torch.float64) / n)


def _same(x: Tensor) -> Tensor:
    return x.clone()


def _check(sigma_min: float, sigma_max: float) -> None:
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(f"0 < sigma_min < sigma_max is needed, not {sigma_min=} and {sigma_max=}")
