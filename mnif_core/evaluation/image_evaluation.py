"""Figures of a field of images: Table 1 of the paper."""

from torch import Tensor

from mnif_core.evaluation.picture_evaluation import PictureSubject


class ImageSubject(PictureSubject):
    """A field of images with its data."""

    def score_figures(self, reached: Tensor) -> dict[str, float]:
        """MSE and PSNR of PSNRs `[n]`."""
        return {"MSE": float((10 ** (-reached / 10)).mean()), "PSNR": float(reached.mean())}
