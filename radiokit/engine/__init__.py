"""What statistics, models, survival, selection, nomograms and networks share: inputs, designs, and the fits themselves.

Internal to radiokit: its modules are imported by their own names, for example
``from radiokit.engine.cox import fit_cox``. Users find the same methods in `radiokit.stats`, `radiokit.models` and
`radiokit.survival`.
"""
