import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from sgan_jax.training import compiler


@pytest.fixture
def gpus(monkeypatch):
    """A machine with jax's plugin for CUDA."""
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


def test_a_program_is_compiled_once(tmp_path, monkeypatch):
    compiled = []
    jax.monitoring.register_event_listener(lambda event, **_: compiled.append(event))
    before = (
        jax.config.jax_compilation_cache_dir,
        jax.config.jax_persistent_cache_min_compile_time_secs,
    )
    compilation_cache.reset_cache()
    try:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        compiler.keep_programs(tmp_path)
        for hits in (0, 1):
            jax.clear_caches()
            assert float(jax.jit(lambda x: jnp.sin(x) * 3)(0.0)) == 0.0
            assert compiled.count("/jax/compilation_cache/cache_hits") >= hits
            if not hits:
                assert any(tmp_path.iterdir())
                compiled.clear()
        compiler.keep_programs(tmp_path / "another")
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before[0])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", before[1])
        compilation_cache.reset_cache()
