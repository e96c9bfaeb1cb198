r"""Run the experiments that a sweep file lists, and compare them.

On this machine, one after another or N at a time (its GPUs are divided among them):

    python launch/sweep.py configs/sweeps/smoke.py
    python launch/sweep.py configs/sweeps/paper_table4.py --parallel=4 --only=^bl_ \
        --config.data.source=cif --config.data.cif_path=icsd.tar

On a cluster, as a Slurm array or a Kubernetes Indexed Job with one element per run, N at a time:

    python launch/sweep.py configs/sweeps/paper_table4.py --parallel=16 \
        --backend=slurm --slurm=partition=gpu,gpus_per_node=8,time=1440
    python launch/sweep.py configs/sweeps/paper_table4.py --parallel=16 \
        --backend=k8s --image=IMAGE --gpus=8 --claim=CLAIM --mount=/scratch --runs_dir=/scratch/runs

Repeat the command after any interruption: finished runs are skipped, unfinished ones resumed,
failed ones tried again. --dry_run shows what would be done. All runs are checked before any starts.
"""

from absl import flags

from sgan_jax.sweeps import command

if __name__ == "__main__":
    flags.adopt_module_key_flags(command)  # --help lists them
    command.run()
