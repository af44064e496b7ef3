"""scikit-learn's protocol for a transformer of case tables, without loading scikit-learn.

scikit-learn imports scipy.stats, which takes longer than extracting a case. It asks objects for methods, not for their
class, so that `clone`, `Pipeline`, `set_output` and the display of parameters work all the same.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import pandas as pd

from radiokit.exceptions import ParameterError
from radiokit.utils._extraction import Extraction

OUTPUTS = ("default", "pandas")


class CaseTransformer:
    """Parameters, output and tags of a transformer that learns nothing and returns a DataFrame.

    Examples
    --------
    >>> class Nothing(CaseTransformer):
    ...     def __init__(self, *, a=1):
    ...         self.a = a
    >>> Nothing(a=2).get_params(), Nothing().set_params(a=3)
    ({'a': 2}, Nothing(a=3))
    """

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return this object."""
        raise NotImplementedError

    def extract(self, cases: Any) -> Extraction:
        """Return features, failures and provenance: what a subclass is for."""
        raise NotImplementedError

    def transform(self, X: Any) -> pd.DataFrame:
        """Extract the features of each case.

        Parameters
        ----------
        X : DataFrame or path
            Case table, as for `extract`.

        Returns
        -------
        DataFrame of shape (n_cases, n_features)
            Index ``case_id``.
        """
        return self.extract(X).features

    def fit_transform(self, X: Any, y: Any = None, **kwargs: Any) -> pd.DataFrame:
        """Extract the features of each case: the same as `transform`; `y` and metadata of pipelines are not used."""
        return self.fit(X, y).transform(X)

    @classmethod
    def _names_of_parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as given; `deep` changes nothing, as no parameter is an estimator."""
        return {name: getattr(self, name) for name in self._names_of_parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, and return this object; ParameterError for a name that is none of them."""
        known = self._names_of_parameters()
        for name, value in params.items():
            if name not in known:
                raise ParameterError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}.")
            setattr(self, name, value)
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept scikit-learn's "default" and "pandas", which are both a DataFrame here; ParameterError for others."""
        if transform is not None and transform not in OUTPUTS:
            raise ParameterError(f"set_output(transform={transform!r}); required: one of {', '.join(OUTPUTS)}.")
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [f"{k}={v!r}" for k, v in self.get_params().items() if v != defaults[k].default]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        """There is nothing to fit."""
        return True

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that the input is a table of files and nothing is learnt."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False, string=True),
            requires_fit=False,
            no_validation=True,
        )
