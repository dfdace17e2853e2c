"""Writes schedules.txt: what the schedulers of Composer, PyTorch and Transformers give.

    pip install mosaicml==0.32.1 torch==2.11.0 transformers
    python make_schedules.py

A case is a line with the run's duration, the scale schedule ratio (which the duration has in it), and
the scheduler's config, then a line for each batch: its number and the multiplier. An epoch has 10
batches, a batch 4 samples of 8 tokens.
"""

import pathlib
import types
import warnings

import torch
from composer import optim as composer
from composer.core import Time, Timestamp
from torch.optim import lr_scheduler
from transformers import get_inverse_sqrt_schedule

BATCHES, SAMPLES, TOKENS = 10, 4, 32
LAST = 45

lines = []


def begin(duration, ratio, config):
    lines.append(f'case {duration} {ratio:g} {config}')


def of_composer(config, scheduler, duration, ratio=1.0):
    begin(duration, ratio, config)
    maximum = Time.from_timestring(duration)
    for batch in range(LAST):
        epoch, batch_in_epoch = divmod(batch, BATCHES)
        timestamp = Timestamp(epoch=epoch, batch=batch, sample=SAMPLES * batch,
                              token=TOKENS * batch, batch_in_epoch=batch_in_epoch)
        state = types.SimpleNamespace(
            max_duration=maximum, timestamp=timestamp, dataloader_len=BATCHES,
            get_elapsed_duration=lambda: timestamp.get(maximum.unit) / maximum)
        if timestamp < maximum:
            lines.append(f'{batch} {scheduler(state, ratio):.17g}')


def of_torch(config, make, steps, duration):
    begin(duration, 1, config)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    for batch in range(steps):
        lines.append(f"{batch} {optimizer.param_groups[0]['lr']:.17g}")
        optimizer.step()
        if batch + 1 < steps:
            scheduler.step()


warnings.simplefilter('ignore')  # Composer warns of a warm-up of zero at each call

# Durations are in the unit that all times of a case can be told in.
for alpha, t_max, duration in [(1, '1dur', '4ep'), (0.25, '2ep', '4ep'), (0.5, '12ba', '4ep'),
                               (0.5, '0.5dur', '30ba')]:
    of_composer(f'constant {{ alpha: {alpha} t_max: "{t_max}" }}',
                composer.ConstantScheduler(alpha, t_max), duration)
of_composer('constant { alpha: 0.5 t_warmup: "10ba" }',
            composer.ConstantWithWarmupScheduler('10ba', alpha=0.5), '40ba')

for t_warmup, t_max, alpha_f, duration in [
        ('0ba', '1dur', 0, '4ep'), ('10ba', '1dur', 0, '4ep'), ('1ep', '4ep', 0.1, '4ep'),
        ('0.25dur', '1dur', 0.2, '40ba'), ('1ep', '50ba', 0, '4ep'), ('8sp', '160sp', 0.5, '160sp'),
        ('64tok', '1dur', 0, '1280tok'), ('40ba', '40ba', 0, '40ba')]:
    times = f't_warmup: "{t_warmup}" t_max: "{t_max}" alpha_f: {alpha_f}'
    of_composer(f'cosine_annealing {{ {times} }}',
                composer.CosineAnnealingWithWarmupScheduler(t_warmup, t_max, alpha_f), duration)
    of_composer(f'linear {{ {times} alpha_i: 0.75 }}',
                composer.LinearWithWarmupScheduler(t_warmup, 0.75, alpha_f, t_max), duration)
    of_composer(f'polynomial {{ {times} power: 1.5 }}',
                composer.PolynomialWithWarmupScheduler(t_warmup, 1.5, t_max, alpha_f), duration)

for t_max, duration, ratio in [('20ba', '4ep', 1), ('2ep', '40ba', 1), ('0.5dur', '160sp', 1),
                               ('1dur', '1280tok', 1), ('10ba', '4ep', 2), ('4ep', '2ep', 0.5),
                               ('1dur', '4ep', 2), ('80sp', '40ba', 1.5)]:
    times = f't_max: "{t_max}" alpha_f: 0.1'
    of_composer(f'cosine_annealing {{ {times} }}', composer.CosineAnnealingScheduler(t_max, 0.1),
                duration, ratio)
    of_composer(f'linear {{ {times} alpha_i: 0.5 }}', composer.LinearScheduler(0.5, 0.1, t_max),
                duration, ratio)
    of_composer(f'polynomial {{ {times} power: 3 }}', composer.PolynomialScheduler(3, t_max, 0.1),
                duration, ratio)

for step, duration, ratio in [('1ep', '4ep', 1), ('7ba', '4ep', 1), ('0.25dur', '40ba', 1),
                              ('12sp', '160sp', 1), ('320tok', '1280tok', 1), ('5ba', '4ep', 2)]:
    of_composer(f'step {{ step_size: "{step}" gamma: 0.5 }}', composer.StepScheduler(step, 0.5),
                duration, ratio)
    of_composer(f'exponential {{ gamma: 0.5 decay_period: "{step}" }}',
                composer.ExponentialScheduler(0.5, step), duration, ratio)
    of_composer(f'cosine_annealing_warm_restarts {{ t_0: "{step}" alpha_f: 0.1 }}',
                composer.CosineAnnealingWarmRestartsScheduler(step, alpha_f=0.1), duration, ratio)
    of_composer(f'cosine_annealing_warm_restarts {{ t_0: "{step}" t_mult: 2 }}',
                composer.CosineAnnealingWarmRestartsScheduler(step, 2), duration, ratio)
of_composer('cosine_annealing_warm_restarts { t_0: "8ba" t_mult: 1.5 }',
            composer.CosineAnnealingWarmRestartsScheduler('8ba', 1.5), '38ba')  # 8 + 12 + 18 batches

for milestones, duration, ratio in [(['1ep', '3ep'], '4ep', 1), (['5ba', '2ep', '33ba'], '4ep', 1),
                                    (['0.25dur', '0.5dur'], '40ba', 1), (['5ba', '10ba'], '4ep', 3)]:
    listed = ' '.join(f'milestones: "{milestone}"' for milestone in milestones)
    of_composer(f'multi_step {{ {listed} gamma: 0.3 }}',
                composer.MultiStepScheduler(milestones, 0.3), duration, ratio)
of_composer('multi_step { milestones: "1ep" milestones: "30ba" t_warmup: "5ba" }',
            composer.MultiStepWithWarmupScheduler('5ba', ['1ep', '30ba']), '4ep')

# PyTorch's cycle ends with its last step.
for anneal in ['cos', 'linear']:
    of_torch('one_cycle { t_warmup: "12ba" t_max: "39ba" div_factor: 10 final_div_factor: 100 '
             f'anneal: {"COSINE" if anneal == "cos" else "LINEAR"} }}',
             lambda optimizer: lr_scheduler.OneCycleLR(
                 optimizer, 1.0, total_steps=40, pct_start=13 / 40, anneal_strategy=anneal,
                 div_factor=10, final_div_factor=100), 40, '40ba')
of_torch('cosine_annealing_warm_restarts { t_0: "5ba" t_mult: 2 alpha_f: 0.2 }',
         lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5, 2, 0.2), 40, '40ba')
of_torch('sequence { parts { until: "10ba" scheduler { linear { alpha_i: 0.1 alpha_f: 1 } } }'
         ' parts { until: "25ba" scheduler { exponential { gamma: 0.9 decay_period: "1ba" } } }'
         ' parts { scheduler { cosine_annealing { alpha_f: 0.05 } } } }',
         lambda optimizer: lr_scheduler.SequentialLR(optimizer, [
             lr_scheduler.LinearLR(optimizer, 0.1, 1, 10),
             lr_scheduler.ExponentialLR(optimizer, 0.9),
             lr_scheduler.CosineAnnealingLR(optimizer, 15, 0.05)], [10, 25]), 40, '40ba')
of_torch('sequence { parts { until: "10ba" scheduler { constant { alpha: 0.3 } } }'
         ' parts { until: "20ba" scheduler { step { step_size: "3ba" gamma: 0.5 } } }'
         ' parts { scheduler { polynomial { power: 2 t_max: "15ba" alpha_f: 0 } } } }',
         lambda optimizer: lr_scheduler.SequentialLR(optimizer, [
             lr_scheduler.ConstantLR(optimizer, 0.3, 100),
             lr_scheduler.StepLR(optimizer, 3, 0.5),
             lr_scheduler.PolynomialLR(optimizer, 15, 2)], [10, 20]), 35, '35ba')
for t_warmup, t_scale in [(10, 10), (5, 20), (0, 8)]:
    of_torch(f'inverse_sqrt {{ t_warmup: "{t_warmup}ba" t_scale: "{t_scale}ba" }}',
             lambda optimizer: get_inverse_sqrt_schedule(optimizer, t_warmup, t_scale), 40, '40ba')

pathlib.Path(__file__).with_name('schedules.txt').write_text('\n'.join(lines) + '\n')
