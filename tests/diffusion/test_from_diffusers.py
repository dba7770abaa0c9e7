"""diffusers' networks as denoisers, whatever they predict; read from folders and from a hub, and refused."""

import json
import math
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from playground import diffusion

pytestmark = pytest.mark.filterwarnings("ignore:.*__array:DeprecationWarning")  # diffusers' use of numpy

ROOT = Path(__file__).parents[2]
MEAN, STD = 0.7, 0.4  # of the Gaussian data whose exact denoiser is known
SHAPE = (4, 3, 8, 8)


class GaussianNetwork(torch.nn.Module):
    """What a perfect network says to (s x_hat, timestep): `says` makes it of x_hat, sigma and E[x_0 | x_hat]."""

    def __init__(self, level, scale, says):
        super().__init__()
        self.level, self.scale, self.says = level, scale, says

    def forward(self, sample, timestep):
        sigma = self.level(timestep.double()).reshape(-1, 1, 1, 1)
        x_hat = sample / self.scale(sigma)
        return SimpleNamespace(sample=self.says(x_hat, sigma, exact(x_hat, sigma)))


def exact(x_hat, sigma):
    return (sigma**2 * MEAN + STD**2 * x_hat) / (sigma**2 + STD**2)


def vp(sigma):
    return 1 / (1 + sigma**2).sqrt()


SAYS = {
    "epsilon": lambda x, s, d: (x - d) / s,
    "sample": lambda _, __, d: d,
    "v_prediction": lambda x, s, d: ((x - d) / s - s * d) * vp(s),
    "flow_prediction": lambda x, s, d: (x - d) / s - d,
}


def picture(dtype=torch.float64):
    return 2 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).to(dtype)


def agree(network, scheduler, sigmas, **tolerance):
    denoiser = diffusion.from_diffusers(network, scheduler)
    for sigma in (sigmas, sigmas.reshape(-1, 1, 1, 1), sigmas[0], sigmas[-1].item()):
        level = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, 1, 1, 1)
        x_hat = picture() * (1 + level)
        torch.testing.assert_close(denoiser(x_hat, sigma), exact(x_hat, level), **tolerance)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("name", ["DDPMScheduler", "UniPCMultistepScheduler", "EulerDiscreteScheduler"])
@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2", "trained"])
def test_tables(name, betas, prediction):
    given = {"trained_betas": [0.01, 0.02, 0.05, 0.1] * 10, "num_train_timesteps": 40}
    config = given if betas == "trained" else {"beta_schedule": betas}
    scheduler = getattr(diffusers, name)(**config, prediction_type=prediction)
    table = (1 / scheduler.alphas_cumprod.double() - 1).sqrt()
    network = GaussianNetwork(lambda t: table[t.long()], vp, SAYS[prediction])
    last = len(table) - 1
    agree(network, scheduler, table[[0, last // 3, last // 2, last]], rtol=1e-9, atol=1e-9)


def test_zero_terminal_snr():
    scheduler = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert scheduler.alphas_cumprod[-1] == 0
    table = (1 / scheduler.alphas_cumprod.double().clamp_min(2**-24) - 1).sqrt()
    network = GaussianNetwork(lambda t: table[t.long()], vp, SAYS["v_prediction"])
    agree(network, scheduler, table[[0, 500, 998, 999]], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("scheduler", "prediction"),
    [
        (diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), "flow_prediction"),
        (diffusers.FlowMatchHeunDiscreteScheduler(num_train_timesteps=500), "flow_prediction"),
    ]
    + [
        (diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type=prediction), prediction)
        for prediction in ("flow_prediction", "epsilon", "sample")
    ],
)
def test_flows(scheduler, prediction):
    count = scheduler.config.num_train_timesteps
    network = GaussianNetwork(lambda t: t / (count - t), lambda s: 1 / (1 + s), SAYS[prediction])
    agree(network, scheduler, torch.tensor([0.01, 0.5, 3.0, 80.0], dtype=torch.float64), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"])
@pytest.mark.parametrize(("prediction", "sign"), [("epsilon", 1), ("v_prediction", -1)])
@pytest.mark.parametrize("sigma_data", [0.5, 1.0])
def test_edm(name, prediction, sign, sigma_data):
    row = diffusion.preconditioning("edm", sigma_data=sigma_data)
    scheduler = getattr(diffusers, name)(prediction_type=prediction, sigma_data=sigma_data)
    says = lambda x, s, d: sign * (d - row.c_skip(s) * x) / row.c_out(s)  # noqa: E731
    network = GaussianNetwork(lambda t: (4 * t).exp(), row.c_in, says)
    agree(network, scheduler, torch.tensor([0.002, 0.5, 3.0, 80.0], dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_networks_that_hear_other_clocks():
    sigmas = torch.tensor([0.02, 0.5, 3.0, 80.0], dtype=torch.float64)
    video = diffusers.EulerDiscreteScheduler(timestep_type="continuous", prediction_type="v_prediction")
    agree(GaussianNetwork(lambda t: (4 * t).exp(), vp, SAYS["v_prediction"]), video, sigmas, rtol=1e-5, atol=1e-4)
    angle = GaussianNetwork(lambda t: (t * math.pi / 2).tan(), vp, SAYS["v_prediction"])
    agree(angle, diffusers.IPNDMScheduler(), sigmas, rtol=1e-5, atol=1e-4)
    score = GaussianNetwork(lambda t: t, torch.ones_like, lambda x, s, d: (d - x) / s**2)
    agree(score, diffusers.ScoreSdeVeScheduler(), sigmas, rtol=1e-5, atol=1e-4)


class Clock(torch.nn.Module):
    """Says what it hears."""

    heard = None

    def forward(self, sample, timestep):
        self.heard = timestep
        return SimpleNamespace(sample=torch.zeros_like(sample))


def test_between_the_steps_of_a_table():
    """As diffusers' own Euler interpolates; whole where asked for, and beyond the ends the end."""
    scheduler = diffusers.EulerDiscreteScheduler()
    table = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod) ** 0.5
    sigma = torch.tensor([0.013, 0.5, 3.0, 150.0], dtype=torch.float64)
    theirs = [float(scheduler._sigma_to_t(level, table.log().numpy())) for level in sigma.numpy()]
    clock = Clock()
    diffusion.from_diffusers(clock, scheduler)(picture(), sigma)
    assert clock.heard.tolist() == pytest.approx(theirs, abs=2e-3)
    assert all(abs(t - round(t)) > 0.005 for t in theirs)
    diffusion.from_diffusers(clock, scheduler, nearest=True)(picture(), sigma)
    assert clock.heard.dtype == torch.int64
    assert clock.heard.tolist() == [round(t) for t in theirs]
    diffusion.from_diffusers(clock, scheduler)(picture(), torch.tensor([1e-4, 1e-3, 1e3, 1e6]))
    assert clock.heard.tolist() == [0, 0, 999, 999]
    ours = diffusion.schedule("ddpm").sigma((torch.tensor([1, 2, 500, 1000]) / 1000).double())
    diffusion.from_diffusers(clock, scheduler)(picture(), ours)
    assert clock.heard.tolist() == [0, 1, 499, 999], "a step of our table is that step of its float32 table"


def small_unet(seed=0, **options):
    torch.manual_seed(seed)
    defaults = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "norm_num_groups": 4,
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
    }
    return diffusers.UNet2DModel(**defaults | options).eval()


def test_learned_variances_are_left_aside():
    scheduler = diffusers.DDPMScheduler(variance_type="learned_range")
    network = small_unet(out_channels=6)
    x = picture(torch.float32)
    with torch.no_grad():
        expected = (
            x
            - 3.0
            * network(
                x / 10**0.5,
                diffusion.from_diffusers(network, scheduler)
                .convention.time(torch.tensor([3.0], dtype=torch.float64))
                .float(),
            ).sample[:, :3]
        )
    torch.testing.assert_close(diffusion.from_diffusers(network, scheduler)(x, 3.0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype(dtype):
    """The network in its own, the answer in x's; no graph."""
    network = small_unet().to(dtype)
    denoiser = diffusion.from_diffusers(network, diffusers.DDPMScheduler())
    for kind in (torch.float32, torch.float64):
        answer = denoiser(picture(kind), 1.0)
        assert answer.dtype == kind
        assert not answer.requires_grad
        close = diffusion.from_diffusers(small_unet().double(), diffusers.DDPMScheduler())(picture(), 1.0)
        assert (answer - close).abs().max() < {torch.bfloat16: 0.1}.get(dtype, 1e-4)


def test_clip():
    network = GaussianNetwork(lambda t: t, vp, lambda _, __, d: 3 * d)
    denoiser = diffusion.from_diffusers(network, diffusers.DDPMScheduler(prediction_type="sample"), clip=1.0)
    assert denoiser(picture(), 1.0).abs().max() == 1
    with pytest.raises(ValueError, match="clip must be positive"):
        diffusion.from_diffusers(network, diffusers.DDPMScheduler(), clip=0)


def test_what_is_no_denoiser():
    scheduler = diffusers.DDPMScheduler()
    with pytest.raises(ValueError, match=r"is a torch.nn.Module, not a str"):
        diffusion.from_diffusers("model", scheduler)
    with pytest.raises(ValueError, match=r"Tensors answers Tensor without .sample"):
        diffusion.from_diffusers(Tensors(), scheduler)(picture(), 1.0)
    with pytest.raises(ValueError, match=r"UNet2DModel answers \(4, 6, 8, 8\) to \(4, 3, 8, 8\): it is no denoiser"):
        diffusion.from_diffusers(small_unet(out_channels=6), scheduler)(picture(), 1.0)
    with pytest.raises(ValueError, match="sigma must be one number or 4, not 3"):
        diffusion.from_diffusers(small_unet(), scheduler)(picture(), torch.ones(3))
    with pytest.raises(ValueError, match="VQDiffusionScheduler has no table of betas"):
        diffusion.from_diffusers(small_unet(), diffusers.VQDiffusionScheduler(num_vec_classes=8))
    with pytest.raises(ValueError, match="does not say how large its pictures are"):
        diffusion.from_diffusers(small_unet(sample_size=None), scheduler).shape  # noqa: B018
    flow = diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="v_prediction")
    with pytest.raises(ValueError, match="not v_prediction"):
        diffusion.from_diffusers(small_unet(), flow)


class Tensors(torch.nn.Module):
    def forward(self, sample, timestep):  # noqa: ARG002
        return sample


@pytest.fixture
def folder(tmp_path):
    """A DDPMPipeline as the hub has it."""
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    diffusers.DDPMPipeline(small_unet(), scheduler).save_pretrained(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def test_a_pipeline_folder(folder):
    denoiser = diffusion.load_diffusers(folder)
    assert denoiser.shape == (3, 8, 8)
    assert not any(p.requires_grad for p in denoiser.model.parameters())
    expected = diffusion.from_diffusers(small_unet(), diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"))
    torch.testing.assert_close(denoiser(picture(), 2.0), expected(picture(), 2.0), rtol=0, atol=0)
    assert next(diffusion.load_diffusers(folder, dtype=torch.bfloat16).model.parameters()).dtype == torch.bfloat16


def test_a_checkpoint_under_every_schedule(folder):
    """On one grid every schedule gives the same x / s, and every solver samples."""
    denoiser = diffusion.load_diffusers(folder)
    grid = diffusion.schedule("cosine").sigmas(6)[1:]
    paths = [diffusion.schedule(name) for name in diffusion.SCHEDULES]
    runs = [diffusion.sample(denoiser, picture(), schedule=s, solver="ddim", sigmas=grid).unified() for s in paths]
    for run in runs[1:]:
        torch.testing.assert_close(run, runs[0], rtol=1e-5, atol=1e-5)
    ends = {}
    for name in diffusion.SOLVERS:
        if name != "rk45":  # hundreds of calls
            ends[name] = diffusion.sample(denoiser, picture(), schedule=paths[1], solver=name, sigmas=grid).x[-1]
            assert ends[name].isfinite().all()
    assert len({round(float(end.std()), 6) for end in ends.values()}) > len(ends) // 2


def test_other_layouts(folder, tmp_path):
    """The network beside its scheduler in one folder, as google/ddpm-cifar10-32; and without a scheduler."""
    flat = tmp_path / "flat"
    shutil.copytree(folder / "unet", flat)
    with pytest.raises(ValueError, match=r"holds no scheduler: scheduler_config.json is missing"):
        diffusion.load_diffusers(flat)
    scheduler = diffusers.DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    expected = diffusion.load_diffusers(folder)(picture(), 2.0)
    torch.testing.assert_close(diffusion.load_diffusers(flat, scheduler=scheduler)(picture(), 2.0), expected)
    shutil.copy(folder / "scheduler" / "scheduler_config.json", flat)
    torch.testing.assert_close(diffusion.load_diffusers(flat)(picture(), 2.0), expected)


def test_pickled_weights_are_refused(folder):
    """Nothing is unpickled: loading this file would leave a mark."""
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    mark = folder / "mark"
    weights.unlink()
    torch.save(Mark(mark), weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"holds no diffusion_pytorch_model.safetensors; pickled weights"):
        diffusion.load_diffusers(folder)
    shutil.copy(weights.with_suffix(".bin"), weights)
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        diffusion.load_diffusers(folder)
    assert not mark.exists()
    torch.load(weights.with_suffix(".bin"), weights_only=False)
    assert mark.exists(), "the file does no harm"


class Mark:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_truncated_weights_are_refused(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:-1], whole[:6], b""):
        weights.write_bytes(part)
        with pytest.raises(ValueError, match=f"{weights} is truncated"):
            diffusion.load_diffusers(folder)


def test_weights_of_another_network_are_refused(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file(dict(list(tensors.items())[:-3]), weights, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"the weights in .* are not its config's"):
        diffusion.load_diffusers(folder)
    small_unet(block_out_channels=(12, 16)).save_pretrained(folder / "unet")
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps(config | {"block_out_channels": [8, 16]}))
    with pytest.raises(ValueError, match=r"UNet2DModel in its config.json"):
        diffusion.load_diffusers(folder)


def test_folders_without_a_denoiser_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no model: config.json is missing"):
        diffusion.load_diffusers(tmp_path / "empty")
    decoder = diffusers.AutoencoderTiny(encoder_block_out_channels=[8] * 4, decoder_block_out_channels=[8] * 4)
    decoder.save_pretrained(tmp_path / "decoder")
    with pytest.raises(ValueError, match="holds a AutoencoderTiny; an unconditional denoiser is a UNet2DModel"):
        diffusion.load_diffusers(tmp_path / "decoder")
    config = folder / "scheduler" / "scheduler_config.json"
    for text, words in (
        ('{"_class_name": "UNet2DModel"}', "no scheduler called 'UNet2DModel'"),
        ('{"_class_name": "DDPMScheduler", "beta_schedule": "steep"}', "makes no scheduler of what .* says: steep"),
        ("{", "is no JSON"),
        ("[]", "is no configuration: list"),
    ):
        config.write_text(text)
        with pytest.raises(ValueError, match=words):
            diffusion.load_diffusers(folder)
    with pytest.raises(FileNotFoundError, match="neither a folder nor a repository"):
        diffusion.load_diffusers("no/such/thing")


class Hub(BaseHTTPRequestHandler):
    """What huggingface_hub asks of a hub with the one repository tiny/ddpm."""

    protocol_version = "HTTP/1.1"
    folder: Path
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        commit = "a" * 40
        path = self.path.split("?")[0]
        held = [file for file in self.folder.rglob("*") if file.is_file()]
        files = [{"path": str(file.relative_to(self.folder)), "size": file.stat().st_size} for file in held]
        if path in ("/api/models/tiny/ddpm", "/api/models/tiny/ddpm/revision/main"):
            siblings = [{"rfilename": file["path"]} for file in files]
            return self.answer(200, json.dumps({"id": "tiny/ddpm", "sha": commit, "siblings": siblings}).encode())
        if path == f"/api/models/tiny/ddpm/tree/{commit}":
            return self.answer(200, json.dumps([file | {"type": "file", "oid": "0" * 40} for file in files]).encode())
        prefix = f"/tiny/ddpm/resolve/{commit}/"
        file = self.folder / path.removeprefix(prefix)
        if not path.startswith(prefix) or not file.is_file():
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        content = file.read_bytes()
        return self.answer(200, content, {"X-Repo-Commit": commit, "ETag": f'"{abs(hash(content)):x}"'})

    do_HEAD = do_GET  # noqa: N815

    def answer(self, status, content, headers=None):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


PROGRAM = """
import sys, torch
from playground import diffusion
for source in sys.argv[1:]:
    try:
        denoiser = diffusion.load_diffusers(source)
    except Exception as error:
        print(type(error).__name__, error)
        continue
    x = torch.arange(192.0).reshape(1, 3, 8, 8) / 192
    print(denoiser(x, 2.0).double().sum().item())
"""


def test_from_a_hub(folder, tmp_path):
    """Through a stand-in on this machine: only configurations and safetensors are asked for, and only once."""
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickled")
    (folder / "README.md").write_text("card")
    Hub.folder, Hub.asked = folder, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        environ = {
            **os.environ,
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
        }
        command = [sys.executable, "-c", PROGRAM, "tiny/ddpm", "tiny/ddpm", "tiny/none"]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    x = torch.arange(192.0).reshape(1, 3, 8, 8) / 192
    assert float(first) == pytest.approx(diffusion.load_diffusers(folder)(x, 2.0).double().sum().item(), rel=1e-6)
    assert second == first
    assert third.startswith("FileNotFoundError tiny/none is neither a folder nor a repository")
    fetched = [path.rsplit("/", 1)[1] for path in Hub.asked if "/resolve/" in path]
    assert "diffusion_pytorch_model.safetensors" in fetched
    assert not [name for name in fetched if name.endswith((".bin", ".md"))]
