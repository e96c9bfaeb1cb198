import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from sgan_jax.training import compiler


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that jax's plugin for CUDA is installed."""
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: name)


def test_the_installed_xla_knows_every_flag_and_the_users_own_stay(gpus, caplog):
    environment = {"XLA_FLAGS": "--xla_gpu_enable_latency_hiding_scheduler=false"}
    compiler.set_gpu_flags(environment)
    assert environment["XLA_FLAGS"].split() == [
        "--xla_gpu_enable_latency_hiding_scheduler=false",
        "--xla_gpu_exclude_nondeterministic_ops=true",
    ]
    assert not caplog.records


def test_an_unknown_flag_is_left_out_and_named(gpus, monkeypatch, caplog):
    monkeypatch.setitem(compiler.GPU_FLAGS, "xla_gpu_of_another_version", "true")
    environment = {}
    compiler.set_gpu_flags(environment)
    assert len(environment["XLA_FLAGS"].split()) == len(compiler.GPU_FLAGS) - 1
    assert "another_version" not in environment["XLA_FLAGS"]
    assert "--xla_gpu_of_another_version=true" in caplog.text


def test_no_flags_on_cpu(gpus, monkeypatch):
    chosen = {"JAX_PLATFORMS": "cpu"}
    compiler.set_gpu_flags(chosen)
    assert chosen == {"JAX_PLATFORMS": "cpu"}
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    without_plugin = {}
    compiler.set_gpu_flags(without_plugin)
    assert not without_plugin


@pytest.fixture
def events():
    """Yield the names of the events that jax reports."""
    names = []

    def listen(name, **_):
        names.append(name)

    jax.monitoring.register_event_listener(listen)
    yield names
    jax.monitoring.unregister_event_listener(listen)


@pytest.fixture
def no_programs_kept():
    """Start without a compilation cache and least compile time; restore the settings afterwards."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    compilation_cache.reset_cache()
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_the_second_start_finds_the_first_ones_programs(events, no_programs_kept, tmp_path):
    hits = []
    compiler.keep_programs(tmp_path, least_seconds=0.0)
    for _ in range(2):
        jax.clear_caches()
        assert float(jax.jit(lambda x: jnp.cos(x) * 3)(0.0)) == 3.0
        hits.append(events.count("/jax/compilation_cache/cache_hits"))
    assert hits[0] == 0 and hits[1] >= 1 and any(tmp_path.iterdir())


def test_a_folder_that_the_user_chose_stays(no_programs_kept, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    compiler.keep_programs(tmp_path / "another")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path)


def test_half_a_program_of_a_killed_run_is_compiled_again(no_programs_kept, tmp_path):
    compiler.keep_programs(tmp_path, least_seconds=0.0)
    calculate = jax.jit(lambda x: jnp.cos(x) * 5)
    assert float(calculate(0.0)) == 5.0
    for program in tmp_path.glob("*-cache"):
        program.write_bytes(program.read_bytes()[: program.stat().st_size // 2])
    jax.clear_caches()
    with pytest.warns(UserWarning, match="persistent compilation cache"):
        assert float(calculate(0.0)) == 5.0
