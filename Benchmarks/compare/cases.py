"""What is measured: a stage of the SD 1.5 shape, a precision, a size, a number of pictures and of threads."""
from dataclasses import dataclass

STAGES = {
    "text_encoder": "text encoder",
    "unet": "UNet, a pair for each picture",
    "vae_encoder": "VAE encode",
    "vae_decoder": "VAE decode",
}
PRECISIONS = ("f32", "bf16")


@dataclass(frozen=True)
class Case:
    stage: str
    precision: str
    width: int = 512
    height: int = 512
    batch: int = 1
    threads: int = 2

    @property
    def name(self):
        return f"{self.stage}/{self.precision}/{self.width}x{self.height}/b{self.batch}/t{self.threads}"

    @property
    def inputs(self):
        """Cases of the same inputs have the same reference, whatever the precision and the threads."""
        return f"{self.stage}-{self.width}x{self.height}-b{self.batch}"

    @property
    def is_base(self):
        return (self.width, self.height, self.batch) == (512, 512, 1)


def all_cases(threads, full=False):
    """In the order in which they run: cases of one stage, precision and number of threads share their processes."""
    sizes = [(512, 512, 1), (768, 512, 1), (512, 512, 4), (1024, 1024, 1)]
    found = []
    for stage in STAGES:
        for precision in PRECISIONS:
            grows = (precision == "bf16" or full) and stage in ("unet", "vae_decoder")
            for width, height, batch in sizes if grows else sizes[:1]:
                # Pictures of a batch are decoded one by one by whoever is short of memory.
                if stage == "unet" or batch == 1:
                    found.append(Case(stage, precision, width, height, batch, threads))
            if threads > 1 and stage in ("unet", "vae_decoder") and (precision == "bf16" or full):
                found.append(Case(stage, precision, threads=1))
    return found


def quick_cases(threads):
    return [Case(stage, precision, 256, 256, 1, threads) for stage in STAGES for precision in PRECISIONS]
