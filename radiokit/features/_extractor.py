"""From images and masks to one table of features."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from radiokit.features._cases import CaseTask
from radiokit.features._checked import (
    Discretizations,
    Families,
    Filters,
    as_discretization,
    as_families,
    as_measured,
    as_optional,
    as_shift,
)
from radiokit.features._options import TextureOptions
from radiokit.features._pipeline import Preparation, StandardPipeline
from radiokit.features._pyradiomics import PyradiomicsPipeline
from radiokit.features._pyradiomics_params import arguments_of, load_params, warn_of_voxel_setting
from radiokit.features._pyradiomics_written import params_of
from radiokit.features._reference import ReferencePipeline
from radiokit.features._settings import FixedBinWidth, Normalization, RegionRules, Resampling, Resegmentation
from radiokit.io import Mask, Volume
from radiokit.io.case_extractor import CaseExtractor, ExtractorWork
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.preprocessing.choices import check_setting
from radiokit.utils import Limits

STANDARDS = ("pyradiomics", "ibsi")
ENGINES = ("radiokit", "pyradiomics")


class RadiomicsExtractor(CaseExtractor):
    """Radiomics features of segmented images, as a scikit-learn transformer of case tables.

    Parameters
    ----------
    standard : {"pyradiomics", "ibsi"}
        Whose names, definitions and order of processing: those of pyradiomics 3.0.1 (``original_glcm_Contrast``), for
        results that others can compare or have published with it; or those of the IBSI reference manual, for
        standardised definitions and features that pyradiomics lacks.
    filters : sequence of str, Filter or Measured
        Which images are measured: names (``"original"``, ``"wavelet"``), filters of `radiokit.filters`, or `Measured`,
        a filter with its own discretisation.
    families : "all", sequence of str, or dict
        Feature families (classes); a dict lists the features of each family, None stands for all of them. ``"all"``
        leaves out pyradiomics' shape2D.
    resampling : Resampling, optional
        New grid.
    discretization : FixedBinWidth, FixedBinCount or dict by family
        Grey levels. A fixed bin width keeps the unit, and suits calibrated images (CT, SUV of PET); a fixed number of
        bins suits images of arbitrary unit (most MR). A dict has the key ``"default"``. The intensity-volume histogram
        (IBSI) has a key of its own, ``"ivh"``: a bin width gives intensities in steps of it, a number of bins gives
        grey levels, None gives whole numbers (a CT); without the key the range is divided into 1,000 steps (steps of 1
        with ``round_intensities``).
    resegmentation : Resegmentation, optional
        Which intensities stay in the region, such as those of soft tissue.
    normalization : Normalization, optional
        Z-scores of the whole image, for images of arbitrary unit (MR).
    aggregation : {"2D_avg", "2D_merge", "2.5D_avg", "2.5D_merge", "3D_avg", "3D_merge"}, optional
        How IBSI texture matrices of slices and directions are combined. Take ``"3D_merge"`` where voxels are about as
        deep as wide, and a 2D or 2.5D form where slices are much thicker than pixels.
    engine : {"radiokit", "pyradiomics"}
        ``"pyradiomics"`` runs pyradiomics itself, where it is installed, to compare results.
    {n_jobs} {on_error} {cache} {limits} {progress}
    texture : TextureOptions, optional
        Neighbourhoods of the pyradiomics standard: distances, force2D, weighting.
    region : RegionRules, optional
        Label, padding, and the least size of a region.
    voxel_array_shift : float
        Added to intensities before Energy, TotalEnergy and RootMeanSquared (pyradiomics standard).

    Notes
    -----
    The extractor learns nothing from the cases: `fit` only checks the settings. A label in the case table overrides
    that of `region`; without either the mask has to hold one label only.

    Examples
    --------
    >>> values = np.arange(64.0).reshape(4, 4, 4)
    >>> extractor = RadiomicsExtractor(families=["firstorder"], discretization=FixedBinWidth(10))
    >>> row = extractor.extract_case(values, values > 31, spacing=(1, 1, 1))
    >>> float(row["original_firstorder_Mean"])
    47.5
    """

    def __init__(
        self,
        *,
        standard: str = "pyradiomics",
        filters: Filters = ("original",),
        families: Families = "all",
        resampling: Resampling | None = None,
        discretization: Discretizations = FixedBinWidth(25),  # noqa: B008 - frozen
        resegmentation: Resegmentation | None = None,
        normalization: Normalization | None = None,
        aggregation: str | None = None,
        engine: str = "radiokit",
        n_jobs: int | None = None,
        on_error: str = "raise",
        cache: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        progress: bool = False,
        texture: TextureOptions | None = None,
        region: RegionRules | None = None,
        voxel_array_shift: float = 0.0,
    ) -> None:
        self.standard = standard
        self.filters = filters
        self.families = families
        self.resampling = resampling
        self.discretization = discretization
        self.resegmentation = resegmentation
        self.normalization = normalization
        self.aggregation = aggregation
        self.engine = engine
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.cache = cache
        self.limits = limits
        self.progress = progress
        self.texture = texture
        self.region = region
        self.voxel_array_shift = voxel_array_shift

    @classmethod
    def from_params(cls, path: str | os.PathLike[str] | Mapping[str, Any], **kwargs: Any) -> Self:
        """Make an extractor from a pyradiomics parameter file.

        Parameters
        ----------
        path : path or mapping
            YAML or JSON file, or its content. Nothing in it is executed.
        **kwargs : object
            Further arguments of `RadiomicsExtractor`, such as ``n_jobs``; they override the file.

        Returns
        -------
        RadiomicsExtractor
            With the settings of the file.

        Raises
        ------
        ParameterError
            If the file holds an entry that pyradiomics 3.0.1 does not know, or a value it does not accept.
        FileError
            If the file is missing or not YAML.

        Examples
        --------
        >>> RadiomicsExtractor.from_params({"setting": {"binWidth": 10}}).discretization
        FixedBinWidth(width=10, origin=None)
        """
        params = path if isinstance(path, Mapping) else load_params(path)
        warn_of_voxel_setting(params)
        return cls(**{**arguments_of(params), **kwargs})

    def to_params(self) -> dict[str, Any]:
        """Return the content of the pyradiomics parameter file that describes this extractor.

        Returns
        -------
        dict
            Sections ``setting``, ``imageType``, ``featureClass``.

        Raises
        ------
        ParameterError
            If a setting has no counterpart there.

        Examples
        --------
        >>> RadiomicsExtractor().to_params()["setting"]
        {'binWidth': 25}
        """
        return params_of(self._pipeline())

    def _pipeline(self) -> StandardPipeline:
        """Return the pipeline of the standard: the place where settings are checked."""
        check_setting("", "standard", self.standard, STANDARDS)
        check_setting("", "engine", self.engine, ENGINES)
        if self.standard == "pyradiomics":
            kind: type[StandardPipeline] = PyradiomicsPipeline
        else:
            from radiokit.features._ibsi import IbsiPipeline  # what the other standard does without

            kind = IbsiPipeline
        return kind(
            preparation=Preparation(
                resampling=as_optional("resampling", self.resampling, Resampling),
                normalization=as_optional("normalization", self.normalization, Normalization),
                resegmentation=as_optional("resegmentation", self.resegmentation, Resegmentation),
                region=as_optional("region", self.region, RegionRules) or RegionRules(),
            ),
            filters=as_measured(self.filters),
            families=as_families(self.families),
            discretization=as_discretization(self.discretization),
            texture=as_optional("texture", self.texture, TextureOptions) or TextureOptions(),
            aggregation=self.aggregation,
            voxel_array_shift=as_shift(self.voxel_array_shift),
        )

    def case_task(self) -> CaseTask:
        """Return the work on one case, after all settings are checked: what goes to a worker."""
        pipeline = self._pipeline()
        engine = pipeline if self.engine == "radiokit" else ReferencePipeline(params_of(pipeline), pipeline.names)
        how = pipeline.preparation
        return CaseTask(engine, how.region, corrects_by_resampling=how.resampling is not None)

    def fit(self, X: object = None, y: object = None) -> Self:
        """Check the settings; nothing is learnt from the cases.

        Parameters
        ----------
        {X_unused} {y_unused}

        Returns
        -------
        RadiomicsExtractor
            This object.
        """
        _ = self.case_task().names
        return self

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns, known before any case is seen.

        Parameters
        ----------
        {input_features}

        Returns
        -------
        ndarray of str
            One name for each column.

        Examples
        --------
        >>> RadiomicsExtractor(families={"glcm": ["Contrast"]}).get_feature_names_out()
        array(['original_glcm_Contrast'], dtype=object)
        """
        return np.array(self.case_task().names, dtype=object)

    def _work(self) -> ExtractorWork:
        task = self.case_task()
        return ExtractorWork(task, task.names, task.settings, label=task.rules.label)

    def extract_case(
        self, image: ImageLike, mask: MaskLike, *, label: int | None = None, spacing: Sequence[float] | None = None
    ) -> pd.Series:
        """Extract the features of one image and mask.

        Parameters
        ----------
        {any_image} {any_mask} {label} {array_spacing}

        Returns
        -------
        Series
            One value for each feature.

        Raises
        ------
        GeometryError
            If image and mask do not share one grid.
        MaskError
            If the mask is empty, lacks the label (the message lists those present), or the region is too small.
        InputError
            If voxels of the region are NaN or infinite.

        Examples
        --------
        >>> values = np.arange(16.0).reshape(4, 4)
        >>> row = RadiomicsExtractor(families=["firstorder"]).extract_case(values, values > 7, spacing=(0.5, 0.5))
        >>> float(row["original_firstorder_TotalEnergy"])
        275.0
        """
        task = self.case_task()
        found = task.measure(image, mask, Reading(label=label, spacing=spacing)).features
        return pd.Series([found[name] for name in task.names], index=list(task.names), dtype=float)

    def read_case(
        self, image: ImageLike, mask: MaskLike, *, label: int | None = None, spacing: Sequence[float] | None = None
    ) -> tuple[Volume, Mask]:
        """Read an image and its region as `extract_case` does, and check that they share one grid.

        Parameters
        ----------
        {any_image} {any_mask} {label} {array_spacing}

        Returns
        -------
        image : Volume
            The image.
        mask : Mask
            The region.
        """
        return self.case_task().read(image, mask, Reading(label=label, spacing=spacing))
