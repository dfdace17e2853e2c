"""Writes schedules.txt: what Composer's schedulers give.

    pip install mosaicml==0.32.1 torch==2.11.0
    python make_schedules.py

A line is a case and a point in time: the scheduler's arguments (separated by |), the run's duration,
batches of an epoch, the batch, and the multiplier.
"""

import pathlib
import types

from composer.core import Time, Timestamp
from composer.optim.scheduler import ConstantScheduler, CosineAnnealingWithWarmupScheduler

# Durations are in the unit that all times of a case can be told in; 10 batches an epoch, 4 samples and
# 32 tokens a batch.
CASES = [
    ('constant', ('1.0', '1dur'), '4ep'),
    ('constant', ('0.25', '2ep'), '4ep'),
    ('constant', ('0.5', '12ba'), '4ep'),
    ('constant', ('0.5', '0.5dur'), '30ba'),
    ('cosine', ('0ba', '1dur', '0'), '4ep'),
    ('cosine', ('10ba', '1dur', '0'), '4ep'),
    ('cosine', ('1ep', '4ep', '0.1'), '4ep'),
    ('cosine', ('0.25dur', '1dur', '0.2'), '40ba'),
    ('cosine', ('1ep', '50ba', '0'), '4ep'),
    ('cosine', ('8sp', '160sp', '0.5'), '160sp'),
    ('cosine', ('64tok', '1dur', '0'), '1280tok'),
    ('cosine', ('40ba', '40ba', '0'), '40ba'),
]
BATCHES, SAMPLES, TOKENS = 10, 4, 32

lines = []
for kind, arguments, duration in CASES:
    if kind == 'constant':
        scheduler = ConstantScheduler(alpha=float(arguments[0]), t_max=arguments[1])
    else:
        scheduler = CosineAnnealingWithWarmupScheduler(t_warmup=arguments[0], t_max=arguments[1],
                                                       alpha_f=float(arguments[2]))
    for batch in range(0, 45, 1):
        epoch, batch_in_epoch = divmod(batch, BATCHES)
        timestamp = Timestamp(epoch=epoch, batch=batch, sample=SAMPLES * batch, token=TOKENS * batch,
                              batch_in_epoch=batch_in_epoch)
        maximum = Time.from_timestring(duration)
        if timestamp >= maximum:
            continue
        state = types.SimpleNamespace(
            max_duration=maximum, timestamp=timestamp, dataloader_len=BATCHES,
            get_elapsed_duration=lambda: timestamp.get(maximum.unit) / maximum)
        # A warm-up of zero makes Composer warn; the value is what counts.
        value = scheduler(state)
        lines.append(f"{kind} {'|'.join(arguments)} {duration} {BATCHES} {batch} {value:.17g}")
pathlib.Path(__file__).with_name('schedules.txt').write_text('\n'.join(lines) + '\n')
