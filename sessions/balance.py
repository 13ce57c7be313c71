"""How evenly people were heard. Pure: numbers in, numbers out."""

from collections.abc import Mapping, Sequence

#: What the figure means, for whoever reads it.
DEFINITION = (
    "100 means that everybody who came was heard equally much, 0 that one person alone was. "
    "It is 100 × (1 − G), where G is the Gini index of the members’ shares, scaled so that it "
    "reaches 1 in small groups too. A share counts messages and minutes of turns alike. "
    "Facilitators are left out, and so are questions without a name."
)


def shares[K](said: Mapping[K, float], spoke: Mapping[K, float]) -> dict[K, float]:
    """Each person's part of all that was said, from 0 to 1; the parts sum to 1.

    The mean of their share of messages and their share of spoken time; of what nobody used, nothing
    is taken. Nobody said anything: everybody has 0.
    """
    kinds = [(kind, total) for kind in (said, spoke) if (total := sum(kind.values())) and total > 0]
    people = dict.fromkeys([*said, *spoke])
    return {
        person: sum(kind.get(person, 0) / total for kind, total in kinds) / (len(kinds) or 1)
        for person in people
    }


def balance(parts: Sequence[float]) -> float | None:
    """1 − G, from 0 (one person had everything) to 1 (all had the same). None without a meaning:
    fewer than two people, or nothing that was said.

    G is the Gini index, half the mean difference between any two people divided by the mean, times
    n / (n − 1): without that correction it cannot reach 1 in a small group. Gini, C. (1912),
    Variabilità e mutabilità; the correction: Deltas, G. (2003), The small-sample bias of the Gini
    coefficient, Review of Economics and Statistics 85(1), 226–234.
    """
    n, total = len(parts), sum(parts)
    if n < 2 or total <= 0:
        return None
    ranked = sorted(parts)
    weighted = sum(rank * part for rank, part in enumerate(ranked, start=1))
    gini = 2 * weighted / (n * total) - (n + 1) / n
    return min(1.0, max(0.0, 1 - gini * n / (n - 1)))
