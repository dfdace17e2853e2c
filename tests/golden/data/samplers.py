"""The samplers' orders, computed once more in Python; writes samplers.txt beside this file.

Each line is a name and numbers. Python rounds doubles as the C++ must: no fused multiply-add, no
logarithm from a C library.
"""

import math
import pathlib

MASK = (1 << 64) - 1
GOLDEN = 0x9e3779b97f4a7c15


def mix(x):
    x = (x + GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ (x >> 27)) * 0x94d049bb133111eb) & MASK
    return x ^ (x >> 31)


def mix_seed(*parts):
    seed = 0
    for part in parts:
        seed = mix(seed ^ mix(part))
    return seed


def hash_name(name):
    value = 0xcbf29ce484222325
    for c in name.encode():
        value = ((value ^ c) * 0x100000001b3) & MASK
    return value


class CounterRandom:
    def __init__(self, key):
        self.state = key

    def next(self):
        value = mix(self.state)
        self.state = (self.state + GOLDEN) & MASK
        return value

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def below(self, count):
        return (self.next() * count) >> 64


def materialized(size, seed, epoch):
    samples = list(range(size))
    random = CounterRandom(mix_seed(seed, hash_name("materialized"), epoch))
    for left in range(size, 1, -1):
        other = random.below(left)
        samples[left - 1], samples[other] = samples[other], samples[left - 1]
    return samples


def alias_table(weights):
    largest = max(weights)
    total = 0.0
    for weight in weights:
        total += weight / largest
    mean = total / len(weights)
    shares = [weight / largest / mean for weight in weights]
    aliases = list(range(len(weights)))
    small = [i for i, share in enumerate(shares) if share < 1]
    large = [i for i, share in enumerate(shares) if not share < 1]
    while small and large:
        taker, giver = small.pop(), large[-1]
        aliases[taker] = giver
        shares[giver] -= 1 - shares[taker]
        if shares[giver] < 1:
            small.append(large.pop())
    for i in large + small:
        shares[i] = 1.0
    return shares, aliases


def with_replacement(weights, count, seed, epoch):
    shares, aliases = alias_table(weights)
    key = mix_seed(seed, hash_name("weighted with replacement"), epoch)
    samples = []
    for position in range(count):
        random = CounterRandom(mix_seed(key, position))
        i = random.below(len(weights))
        samples.append(i if random.uniform() < shares[i] else aliases[i])
    return samples


def without_replacement(weights, count, seed, epoch):
    key = mix_seed(seed, hash_name("weighted without replacement"), epoch)
    arrivals = []
    for i, weight in enumerate(weights):
        if weight > 0:
            u = 1 - CounterRandom(mix_seed(key, i)).uniform()
            arrivals.append((-math.log(u) / (weight / max(weights)), i))
    return [i for _, i in sorted(arrivals)[:count]]


def main():
    few = [0.5, 1, 0, 2, 0.1, 3]
    many = [((i * 7919) % 1000) / 1000 for i in range(2000)]
    lines = {
        "materialized.10": materialized(10, 17, 0),
        "materialized.1000": materialized(1000, 17, 5),
        "with.few": with_replacement(few, 20, 17, 4),
        "with.many": with_replacement(many, 3000, 17, 4),
        "without.few": without_replacement(few, 5, 17, 4),
        "without.many": without_replacement(many, 1500, 17, 4),
    }
    text = "".join(f"{name} {' '.join(map(str, values))}\n" for name, values in lines.items())
    (pathlib.Path(__file__).parent / "samplers.txt").write_text(text)


if __name__ == "__main__":
    main()
