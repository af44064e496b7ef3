"""Which features can be trusted?
==============================

A feature that changes when the patient lies a little differently, the scan is a little noisier or the outline is drawn
by another hand says little about the tumour. Here a synthetic cohort is perturbed and measured again, and a selector
inside of a pipeline keeps what came out the same.
"""

# %%
# A cohort on disk: images, masks, and a case table.
import tempfile

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline

from radiokit.datasets import make_cohort
from radiokit.features import RadiomicsExtractor, remeasure
from radiokit.io import read_mask, read_volume
from radiokit.models import RadiomicsSignature
from radiokit.preprocessing import bounding_box, perturb, ring
from radiokit.selection import RepeatabilitySelector
from radiokit.stats import icc

cohort = make_cohort(16, folder=tempfile.mkdtemp(), random_state=0)

# %%
# Chained perturbations, as Zwanenburg et al. 2019 (doi:10.1038/s41598-018-36938-4): turned and shifted, as much noise
# again as the image has, a tenth of the volume more or less. A second chain draws the outline anew.
motion = {"rotations": (-8, 8), "translations": 0.4, "noise": "estimate", "growth": (-0.1, 0.1)}
outline = {"randomize_contour": 4}

families = {"firstorder": None, "glcm": None, "glszm": None, "shape": None}
extractor = RadiomicsExtractor(families=families)
features = extractor.extract(cohort.cases).features
repeats = {**remeasure(extractor, cohort.cases, motion), **remeasure(extractor, cohort.cases, outline)}

# `radiokit.features.robustness` does this and the extraction in one call; here the repeats are needed again below.
table = icc({"original": features, **repeats}, form="ICC(1,1)").sort_values("ci_low", ascending=False)
print(table[["feature", "icc", "ci_low", "ci_high"]].head(10).round(3).to_string(index=False))
print(f"{(table['ci_low'] >= 0.9).sum()} of {len(table)} features have a lower limit of 0.90 or more")

# %%
# Inside of a pipeline the selector looks at the repeats of its training cases only, so nothing leaks in a
# cross-validation.
pipeline = make_pipeline(
    RepeatabilitySelector(repeats, form="ICC(1,1)", threshold=0.9).set_output(transform="pandas"),
    RadiomicsSignature(cv=3),
)
pipeline.fit(features, cohort.cases["outcome"])
print(f"{pipeline[0].get_support().sum()} features are left for the signature")

# %%
# What the perturbations do to one case, and what they leave of the features.
case = cohort.cases.iloc[0]
image, mask = read_volume(case["image"]), read_mask(case["mask"])
plane = (bounding_box(mask)[0].start + bounding_box(mask)[0].stop) // 2
rim = ring(mask, 0, 5)

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), width_ratios=(1, 1, 1, 1.25), layout="constrained")
chosen = [
    ("turned, shifted, noisier, +10 %", perturb(image, mask, rotations=8, translations=0.4, noise=True, growth=0.1)),
    ("four outlines", perturb(image, mask, randomize_contour=4, random_state=0)),
]
for axis, (title, pairs) in zip(axes[1:], chosen, strict=False):
    for pair in pairs:
        axis.imshow(pair.image.array[plane], cmap="gray", vmin=-100, vmax=220)
        axis.contour(pair.mask.array[plane], [0.5], colors="tab:orange", linewidths=1.2)
    axis.contour(mask.array[plane], [0.5], colors="tab:blue", linewidths=1.2, linestyles="dashed")
    axis.set_title(title)
axes[0].imshow(image.array[plane], cmap="gray", vmin=-100, vmax=220)
axes[0].contour(mask.array[plane], [0.5], colors="tab:blue", linewidths=1.2)
axes[0].contourf(rim.array[plane], [0.5, 1], colors="tab:green", alpha=0.35)
axes[0].set_title("original, with a ring of 5 mm")
rows, columns = (slice(s.start - 10, s.stop + 10) for s in bounding_box(mask)[1:])
for axis in axes[:3]:
    axis.set(xlim=(columns.start, columns.stop), ylim=(rows.stop, rows.start))
    axis.set_axis_off()

for family, color in zip(families, ("tab:blue", "tab:orange", "tab:green", "tab:red"), strict=True):
    part = table[table["feature"].str.contains(f"_{family}_")]
    axes[3].vlines(range(len(part)), part["ci_low"], part["ci_high"], color=color, alpha=0.3, lw=1.5)
    axes[3].plot(part["icc"].to_numpy(), ".", color=color, label=family)
axes[3].axhline(0.9, color="0.3", lw=0.8, ls="dashed")
axes[3].set(
    xlabel="features of a class, by lower limit", ylabel="ICC(1,1), 95 % CI", ylim=(min(0, table["icc"].min()), 1.02)
)
axes[3].legend(frameon=False, loc="lower left")

figure.savefig("robustness.png", dpi=110, bbox_inches="tight")
