"""Writes runs.safetensors: runs of 20 steps of a small convolutional net by Composer's own trainer.

    pip install mosaicml==0.32.1 torch==2.11.0 safetensors
    python make_runs.py

All runs begin with the same weights and see the same 5 batches of 10 images in each of 4 epochs,
and are evaluated on 20 other images after each epoch. Of a run called NAME there are

    NAME/losses        one for each forward pass that is trained on
    NAME/evaluations   cross entropy and accuracy, one row for each epoch
    NAME/...           what the method drew, one row for each time that it drew; those for fewer
                       samples than others end with -1
"""

import pathlib
import unittest.mock

import numpy as np
import torch
import torch.nn.functional as F
from composer import Trainer
from composer.algorithms import (EMA, SAM, SWA, BlurPool, CutMix, GhostBatchNorm, LabelSmoothing,
                                 MixUp, SelectiveBackprop)
from composer.algorithms.cutmix import cutmix
from composer.algorithms.mixup import mixup
from composer.core import Callback, Event
from composer.models import ComposerClassifier
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

CLASSES, BATCH, BATCHES, EPOCHS = 4, 10, 5, 4
tensors = {}


class Net(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.maxpool = torch.nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = torch.nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.bn2 = torch.nn.BatchNorm2d(16)
        self.fc = torch.nn.Linear(16, CLASSES)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        return self.fc(F.relu(self.bn2(self.conv2(x))).mean((2, 3)))


class SelectiveBackpropInEvaluationMode(SelectiveBackprop):
    """Scores samples without touching the statistics of batch norms, which Composer's updates."""

    def apply(self, event, state, logger):
        state.model.train(event != Event.AFTER_DATALOADER)
        super().apply(event, state, logger)
        state.model.train()


class Recorder(Callback):

    def __init__(self):
        self.losses, self.evaluations = [], []

    def before_backward(self, state, logger):
        self.losses.append(float(state.loss))

    def eval_end(self, state, logger):
        metrics = state.eval_metrics['eval']
        self.evaluations.append(
            [float(metrics[name].compute()) for name in ('CrossEntropy', 'MulticlassAccuracy')])


def drawn(module, function):
    """Keeps what `function` of one of Composer's modules, or of numpy, returns."""
    kept = []
    original = getattr(module, function)

    def wrapper(*args, **kwargs):
        result = original(*args, **kwargs)
        kept.append(result if torch.is_tensor(result) else torch.tensor(np.array(result)))
        return result

    return kept, unittest.mock.patch.object(module, function, wrapper)


def run(name, algorithms, draws={}, microbatch=None):
    """`draws`: what the file calls them, and the functions that draw them."""
    torch.manual_seed(3)
    np.random.seed(3)
    net = Net()
    net.load_state_dict(initial)
    recorder = Recorder()
    trainer = Trainer(
        model=ComposerClassifier(net, num_classes=CLASSES),
        train_dataloader=DataLoader(TensorDataset(inputs, targets), batch_size=BATCH),
        eval_dataloader=DataLoader(TensorDataset(eval_inputs, eval_targets), batch_size=BATCH),
        eval_interval=f'{BATCHES}ba',
        max_duration=f'{BATCHES * EPOCHS}ba',
        optimizers=torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        algorithms=algorithms,
        callbacks=[recorder],
        device_train_microbatch_size=microbatch,
        device='cpu',
        seed=3,
        progress_bar=False,
    )
    recorded = {}
    patches = []
    for key, (module, function) in draws.items():
        recorded[key], patch = drawn(module, function)
        patches.append(patch)
    for patch in patches:
        patch.start()
    trainer.fit()
    for patch in patches:
        patch.stop()
    tensors[f'{name}/losses'] = torch.tensor(recorder.losses)
    tensors[f'{name}/evaluations'] = torch.tensor(recorder.evaluations)
    for key, values in recorded.items():
        tensors[f'{name}/{key}'] = torch.nn.utils.rnn.pad_sequence(
            values, batch_first=True, padding_value=-1) if values[0].dim() else torch.stack(values)


torch.set_num_threads(1)
torch.manual_seed(17)
patterns = torch.randn(CLASSES, 3, 8, 8)


def images(count):
    """A pattern of the class in noise; numbers that 16 bits hold."""
    classes = torch.randint(CLASSES, (count,))
    return (patterns[classes] + 2 * torch.randn(count, 3, 8, 8)).half().float(), classes


inputs, targets = images(BATCH * BATCHES)
eval_inputs, eval_targets = images(2 * BATCH)
initial = {key: value.clone() for key, value in Net().state_dict().items()}

MIXED = {'weights': (mixup, '_gen_mixing_coef'), 'permutations': (mixup, '_gen_indices')}
CUT = {'boxes': (cutmix, '_rand_bbox'), 'permutations': (cutmix, '_gen_indices')}
# Of the losses from small to large: which are kept.
PICKED = {'ranks': (np.random, 'choice')}

run('plain', [])
run('label_smoothing', [LabelSmoothing(0.1)])
run('mixup', [MixUp(alpha=0.4)], MIXED)
run('mixup_loss', [MixUp(alpha=0.4, interpolate_loss=True)], MIXED)
run('mixup_microbatches', [MixUp(alpha=0.4)], MIXED, microbatch=4)
run('mixup_smoothed', [MixUp(alpha=0.4), LabelSmoothing(0.1)], MIXED)
run('cutmix', [CutMix(alpha=1.0)], CUT)
run('cutmix_loss', [CutMix(alpha=1.0, interpolate_loss=True)], CUT)
run('cutmix_uniform', [CutMix(alpha=0.5, uniform_sampling=True)], CUT)
run('ema_half_life', [EMA(half_life='4ba')])
run('ema_epochs', [EMA(half_life='1ep')])
run('ema_smoothing', [EMA(half_life=None, smoothing=0.8, update_interval='2ba')])
run('sam', [SAM(rho=0.05)])
run('sam_interval', [SAM(rho=0.1, interval=2)])
run('swa', [SWA(swa_start='0.3dur', swa_end='0.8dur', update_interval='2ba')])
run('swa_epochs', [SWA(swa_start='1ep', swa_end='3ep', update_interval='1ep')])
run('selective_backprop', [SelectiveBackpropInEvaluationMode(start=0.2, end=0.9, keep=0.5)], PICKED)
run('selective_backprop_small',
    [SelectiveBackpropInEvaluationMode(start=0, end=1, keep=0.7, scale_factor=0.5, interrupt=3)],
    PICKED)
# Parts of 5 and 5.
run('ghost_batch_norm', [GhostBatchNorm(ghost_batch_size=5)])
# Parts of 4, 4 and 2.
run('ghost_batch_norm_uneven', [GhostBatchNorm(ghost_batch_size=4)])
run('blurpool', [BlurPool(min_channels=8)])
run('blurpool_after', [BlurPool(min_channels=8, blur_first=False)])
run('blurpool_pools', [BlurPool(replace_convs=False)])
# In Composer label smoothing before CutMix would leave out the targets that are cut in.
run('together', [
    SelectiveBackpropInEvaluationMode(start=0.3, end=0.8, keep=0.7),
    CutMix(alpha=1.0),
    LabelSmoothing(0.1),
    BlurPool(min_channels=8),
    GhostBatchNorm(ghost_batch_size=5),
    EMA(half_life='4ba'),
], {**CUT, **PICKED})

for key, value in initial.items():
    tensors[f'initial/{key}'] = value
tensors['train/input'], tensors['train/target'] = inputs.half(), targets
tensors['eval/input'], tensors['eval/target'] = eval_inputs.half(), eval_targets
save_file({key: value.contiguous() for key, value in tensors.items()},
          pathlib.Path(__file__).parent / 'runs.safetensors')
