"""The findings of the verdict in English; the report has its own sentences in both languages."""

from collections.abc import Mapping

__all__ = ["sentence"]

SENTENCES = {
    "doubtful_persons": "{n_doubtful:,} of the {n_listed:,} persons on the lists may not be in the population; how "
    "many are is estimated by the model, and lists and overlaps are counted without them",
    "n_lists": "{n_lists} lists hold somebody; with two the assumption of independence cannot be tested, with three "
    "or more it can in part",
    "empty_list": "list {name} is empty and was left out",
    "universal_list": "everybody is on list {name}, so nothing can be learnt about persons on no list; check how it "
    "was made, or drop it",
    "duplicate_lists": "lists {a} and {b} hold exactly the same persons; they are one list given twice, drop one",
    "no_overlap": "nobody is on two lists, so nothing can be said about persons on none; check the linkage and the key",
    "overlap_persons": "{n_overlap} of {n_observed} persons ({share:.1%}) are on two lists or more",
    "empty_overlaps": "{n_pairs} of {n_all} pairs of lists share nobody: {pairs}",
    "nested_list": "{share:.0%} of list {inner} are also on list {outer}; it is nearly nested, which referral brings "
    "about: merge the two or model their dependence",
    "too_many_lists": "{n_lists} lists are too many to compare models; merge them into {most} or fewer",
    "models_exist": "{n_ok:,} of {n_models:,} models ({share:.1%}) have a finite estimate with an identified total",
    "best_model": "the model with the smallest BIC is {model}, with N {n_hat:,.0f}",
    "model_spread": "{n_within} models that BIC cannot tell apart (6 units) give N from {low:,.0f} to {high:,.0f}, a "
    "factor of {ratio:.2f}",
    "resamples_fail": "no interval could be made by resampling: {why}",
    "wide_interval": "choosing the model again in each of {n_resamples} resamples, the 95 % interval of N runs from "
    "{low:,.0f} to {high:,.0f}, a factor of {ratio:.2f}",
}


def sentence(code: str, values: Mapping[str, object]) -> str:
    """The English sentence of a finding."""
    if code == "model_spread" and values["n_within"] == 1:
        return "no other model comes within 6 units of BIC of the best"
    shown = dict(values)
    if "pairs" in shown:
        shown["pairs"] = ", ".join(" and ".join(pair) for pair in values["pairs"])  # type: ignore[attr-defined]
    return SENTENCES[code].format_map(shown)
