"""Multi-reader studies in which not every reader reads every case under every treatment.

Who reads what decides which figures have cases in common, so which covariances there are (Hillis 2014, Stat Med 33:330;
Obuchowski 2009, Stat Med 28:1; Chen, Gong and Gallas 2018, J Med Imaging 5:031410 for the split-plot). Covariances are
those of the jackknife over all cases of the study.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.mrmc import MRMC, Contrast, Inference, analyse, contrast_of, f_test
from napari_medgen.statistics.reader_covariance import Figure, leave_one_out

Floats = NDArray[np.float64]
Design = Literal[
    "crossed", "partly crossed", "cases in readers", "cases in treatments", "split plot", "readers in treatments"
]


def design_of(scores: ArrayLike) -> Design:
    """What the missing scores of (treatments, readers, cases) say of the design.

    ``cases in readers``: no two readers share a case; ``cases in treatments``: no two treatments do; ``split plot``:
    readers form groups, each with its own cases, read under all treatments; ``readers in treatments``: each reader
    reads under one treatment; ``partly crossed``: none of these.
    """
    read = np.isfinite(np.asarray(scores, np.float64))
    if read.all():
        return "crossed"
    who = read.any(2)
    if len(read) > 1 and (who.sum(0) == 1).all():
        return "readers in treatments"
    by_treatment = read.any(1)
    if len(read) > 1 and (by_treatment.sum(0) <= 1).all():
        return "cases in treatments"
    if not who.all():
        return "partly crossed"
    same_always = (read == read[:1]).all()
    sets = {tuple(row) for row in read[0]}
    apart = (np.array(list(sets)).sum(0) <= 1).all()
    if same_always and apart:
        return "cases in readers" if len(sets) == read.shape[1] else "split plot"
    return "partly crossed"


def figures_where_read(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> tuple[Floats, Floats]:
    """Figures (treatments, readers) of the cases that each has read, and their jackknife covariance over all cases.

    Parameters
    ----------
    scores
        (treatments, readers, cases); NaN where a reader did not read a case. A figure of fewer than two of a kind is NaN.
    positive, figure
        As :func:`~napari_medgen.statistics.reader_covariance.jackknife_covariance` takes them.
    """
    given, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    flat = given.reshape(-1, given.shape[-1])
    count = flat.shape[1]
    whole, left = np.full(len(flat), np.nan), np.full(flat.shape, np.nan)
    for number, row in enumerate(flat):
        read = np.isfinite(row)
        if min(int((read & truth).sum()), int((read & ~truth).sum())) < 2:
            continue
        found, without = leave_one_out(row[None, None, read], truth[read], figure)
        # A case that was not read changes nothing when it is left out.
        whole[number] = left[number] = found.item()
        left[number, read] = without.ravel()
    centred = left - left.mean(1, keepdims=True)
    covariance: Floats = (count - 1) / count * centred @ centred.T
    return whole.reshape(given.shape[:2]), covariance


def analyse_design(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> tuple[MRMC, Inference]:
    """Analyse a study that is not fully crossed, readers and cases random.

    Parameters
    ----------
    scores, positive, figure
        As :func:`figures_where_read` takes them; :func:`design_of` says what they are.

    Returns
    -------
    tuple
        The analysis with its components, and what follows for random readers and cases.

    Raises
    ------
    ValueError
        If readers are nested in treatments (see :func:`analyse_nested_readers`), a reader has read nothing under a
        treatment, or groups of a split plot are of unequal size.
    """
    given = np.asarray(scores, np.float64)
    kind = design_of(given)
    if kind == "readers in treatments":
        raise ValueError("each reader reads under one treatment: their effects are nested (analyse_nested_readers)")
    figures, covariance = figures_where_read(given, positive, figure)
    if not np.isfinite(figures).all():
        raise ValueError("a reader has no figure under a treatment: too few cases of a kind were read")
    if kind == "split plot":
        return _split_plot(given, figures, covariance)
    whole = analyse(figures, covariance)
    return whole, whole.random_readers_and_cases()


def _split_plot(scores: Floats, figures: Floats, covariance: Floats) -> tuple[MRMC, Inference]:
    """Groups of readers with cases of their own: readers and cases are nested in groups, treatments crossed with all."""
    t, r = figures.shape
    read = np.isfinite(scores[0])
    groups = np.unique(read, axis=0, return_inverse=True)[1].ravel()
    sizes = np.bincount(groups)
    if len(set(sizes.tolist())) > 1:
        raise ValueError("the groups of a split plot have unequal numbers of readers")
    same = np.asarray(groups[:, None] == groups[None])
    blocks = covariance.reshape(t, r, t, r)
    whole = analyse(figures, covariance)
    of_group = int(sizes[0])
    if of_group < 2:
        raise ValueError("each group of a split plot has one reader only: its cases are nested in readers")
    pairs = same & ~np.eye(r, dtype=bool)
    by_treatment = np.einsum("iaib,ab->i", blocks, pairs) / pairs.sum()
    cov2 = float(by_treatment.mean())
    both = np.einsum("iajb,ab->ij", blocks, pairs) / pairs.sum()
    cov3 = float((both.sum() - np.trace(both)) / (t * (t - 1))) if t > 1 else 0.0
    # Readers' own differences between treatments, within groups.
    centred = figures - figures.mean(0)
    inner = np.stack([centred[:, groups == group] for group in range(len(sizes))], 1)
    inner = inner - inner.mean(2, keepdims=True)
    df = (t - 1) * len(sizes) * (of_group - 1)
    ms = float((inner**2).sum()) / df if df else math.nan
    spread = ms + max(of_group * (cov2 - cov3), 0.0)
    means = []
    for index in range(t):
        own = np.concatenate([figures[index, groups == g] - figures[index, groups == g].mean() for g in range(len(sizes))])
        ms_r, df_r = float((own**2).sum()) / (len(sizes) * (of_group - 1)), len(sizes) * (of_group - 1)
        total = ms_r + max(of_group * float(by_treatment[index]), 0.0)
        means.append(
            contrast_of(float(figures[index].mean()), total / r, total**2 / (ms_r**2 / df_r) if ms_r > 0 else math.inf)
        )
    if t < 2:
        return whole, Inference("readers and cases", None, {}, tuple(means), {})
    if not spread > 0:
        return whole, Inference("readers and cases", None, {}, tuple(means), {}, "the denominator of F is zero")
    df2 = spread**2 / (ms**2 / df) if ms > 0 else math.inf
    differences = {
        (i, j): contrast_of(float(figures[i].mean() - figures[j].mean()), 2 * spread / r, df2)
        for i in range(t)
        for j in range(i + 1, t)
    }
    test = f_test(whole.ms_treatment / spread, t - 1, df2)
    return whole, Inference("readers and cases", test, differences, tuple(means), {})


def analyse_nested_readers(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> Inference:
    """Analyse a study in which each reader reads under one treatment, all of the same cases or each treatment its own.

    Parameters
    ----------
    scores, positive, figure
        As :func:`figures_where_read` takes them; equally many readers a treatment, two or more.

    Raises
    ------
    ValueError
        If there are not.
    """
    given = np.asarray(scores, np.float64)
    read = np.asarray(np.isfinite(given).any(2))
    sizes = np.asarray(read.sum(1))
    if bool((np.asarray(read.sum(0)) != 1).any()) or len(set(sizes.tolist())) > 1 or sizes[0] < 2:
        raise ValueError("each reader reads under one treatment, and each treatment has as many readers, two or more")
    figures, covariance = figures_where_read(given, positive, figure)
    t, r = len(given), int(sizes[0])
    own = [np.flatnonzero(row) for row in read]
    values = np.stack([figures[index, readers] for index, readers in enumerate(own)])
    total = given.shape[1]
    places = np.array([index * total + reader for index, readers in enumerate(own) for reader in readers])
    blocks = covariance[np.ix_(places, places)].reshape(t, r, t, r)
    cov2 = np.array([(blocks[i, :, i, :].sum() - np.trace(blocks[i, :, i, :])) / (r * (r - 1)) for i in range(t)])
    cov3 = (
        float(sum(blocks[i, :, j, :].mean() for i in range(t) for j in range(t) if i != j) / (t * (t - 1))) if t > 1 else 0.0
    )
    ms_own = values.var(axis=1, ddof=1)
    ms, df = float(ms_own.mean()), t * (r - 1)
    means: list[Contrast] = []
    for index in range(t):
        spread = float(ms_own[index]) + max(r * float(cov2[index]), 0.0)
        own_df = spread**2 / (ms_own[index] ** 2 / (r - 1)) if ms_own[index] > 0 else math.inf
        means.append(contrast_of(float(values[index].mean()), spread / r, float(own_df)))
    spread = ms + max(r * (float(cov2.mean()) - cov3), 0.0)
    if t < 2 or not spread > 0:
        return Inference("readers and cases", None, {}, tuple(means), {}, "" if t < 2 else "the denominator of F is zero")
    df2 = spread**2 / (ms**2 / df) if ms > 0 else math.inf
    rows = values.mean(1)
    ms_t = r * float(((rows - rows.mean()) ** 2).sum()) / (t - 1)
    differences = {
        (i, j): contrast_of(float(rows[i] - rows[j]), 2 * spread / r, df2) for i in range(t) for j in range(i + 1, t)
    }
    return Inference("readers and cases", f_test(ms_t / spread, t - 1, df2), differences, tuple(means), {})
