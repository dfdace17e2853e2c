"""Writes inputs.txt: what Composer gives for the algorithms that act on a batch's inputs.

    pip install mosaicml==0.32.1 torch==2.11.0
    python make_inputs.py

Each tensor is two lines: its name, dtype and sizes, then its values. Draws are written too, so that
they can be given to another implementation.
"""

import pathlib

import composer.algorithms.cutmix.cutmix as cutmix
import composer.algorithms.cutout.cutout as cutout
import numpy as np
import torch
from composer import Callback, Trainer
from composer.algorithms import CutMix
from composer.algorithms.colout import colout_batch
from composer.algorithms.no_op_model import NoOpModelClass
from composer.algorithms.progressive_resizing import ProgressiveResizing, resize_batch
from composer.algorithms.seq_length_warmup import SeqLengthWarmup, set_batch_sequence_length
from composer.core import Event, Time, Timestamp
from composer.models import ComposerModel

tensors = {}


def boxes():
    # middle row and column, height, width, box; of an image of 9 x 7, sides even
    rows = []
    for y, x, height, width in ((4, 3, 4, 2), (0, 0, 6, 4), (8, 6, 6, 4), (1, 5, 8, 6), (4, 3, 0, 0), (8, 0, 8, 6)):
        # The sides are int(9 * ratio) and int(7 * ratio): the ints are given.
        cutmix.int = lambda _, sides=iter((height, width)): next(sides)
        top, left, bottom, right = cutmix._rand_bbox(9, 7, 0.5, cx=y, cy=x)
        del cutmix.int
        rows.append([y, x, height, width, top, left, bottom, right])
    tensors['boxes'] = torch.tensor(np.array(rows, dtype=np.int64))


def cutmix_functions():
    input, target = torch.randn(5, 2, 6, 7), torch.tensor([0, 1, 2, 3, 1])
    logits, permutation, box = torch.randn(5, 4), torch.tensor([3, 0, 4, 1, 2]), (1, 2, 5, 6)
    mixed, permuted, stays, _ = cutmix.cutmix_batch(input, target, bbox=box, indices=permutation)
    one_hot = cutmix.ensure_targets_one_hot
    tensors.update({
        'cutmix/input': input,
        'cutmix/targets': target,
        'cutmix/logits': logits,
        'cutmix/permutation': permutation,
        'cutmix/box': torch.tensor(box),
        'cutmix/mixed_input': mixed,
        'cutmix/stays': torch.tensor(stays, dtype=torch.float64),
        'cutmix/mixed_targets': stays * one_hot(logits, target) + (1 - stays) * one_hot(logits, permuted),
    })


class Net(ComposerModel):

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.fc = torch.nn.Linear(16, 3)

    def forward(self, batch):
        x = torch.nn.functional.avg_pool2d(torch.relu(self.conv(batch[0])), 4)
        return self.fc(x.flatten(1))

    def loss(self, outputs, batch):
        return torch.nn.functional.cross_entropy(outputs, batch[1])


def cutmix_run():
    batches = [(torch.randn(6, 1, 8, 8), torch.randint(3, (6,))) for _ in range(4)]
    net = Net()
    tensors['cutmix_run/inputs'] = torch.stack([x for x, _ in batches])
    tensors['cutmix_run/targets'] = torch.stack([y for _, y in batches])
    for name, parameter in net.named_parameters():
        tensors[f'cutmix_run/{name}'] = parameter.detach().clone()

    permutations, drawn_boxes, losses = [], [], []
    gen_indices, rand_bbox = cutmix._gen_indices, cutmix._rand_bbox

    def indices(x):
        permutations.append(gen_indices(x))
        return permutations[-1]

    def bbox(*args, **kwargs):
        drawn_boxes.append([int(side) for side in rand_bbox(*args, **kwargs)])
        return drawn_boxes[-1]

    class Losses(Callback):

        def after_loss(self, state, logger):
            losses.append(state.loss.item())

    cutmix._gen_indices, cutmix._rand_bbox = indices, bbox
    try:
        Trainer(model=net, train_dataloader=batches, max_duration='20ba', algorithms=[CutMix()],
                optimizers=torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9), callbacks=[Losses()],
                device='cpu', device_train_microbatch_size=6, progress_bar=False, loggers=[], seed=3).fit()
    finally:
        cutmix._gen_indices, cutmix._rand_bbox = gen_indices, rand_bbox
    tensors['cutmix_run/permutations'] = torch.stack(permutations)
    tensors['cutmix_run/boxes'] = torch.tensor(drawn_boxes)
    tensors['cutmix_run/losses'] = torch.tensor(losses, dtype=torch.float64)


def cutout_functions():
    drawn = [1, 2, 7, 0]  # rows and columns of two middles
    numbers = iter(drawn)
    original, np.random.randint = np.random.randint, lambda *args, **kwargs: next(numbers)
    try:
        images = torch.randn(2, 2, 9, 8)
        tensors['cutout/input'] = images
        tensors['cutout/middles'] = torch.tensor(drawn).reshape(2, 2)
        tensors['cutout/result'] = cutout.cutout_batch(images, num_holes=2, length=0.5)
    finally:
        np.random.randint = original


def colout_functions():
    images, targets = torch.randn(2, 2, 10, 9), torch.randint(5, (2, 10, 9))
    orders = [torch.randperm(10), torch.randperm(9)]
    tensors['colout/input'], tensors['colout/targets'] = images, targets
    tensors['colout/row_order'], tensors['colout/column_order'] = orders
    numbers = iter(orders)
    original, torch.randperm = torch.randperm, lambda size: next(numbers)
    try:
        tensors['colout/result'], tensors['colout/target_result'] = colout_batch((images, targets), 0.35, 0.2)
    finally:
        torch.randperm = original


class Elapsed:
    """As much of a State as the algorithms ask for."""

    def __init__(self, batch, elapsed=0.0, batches=1):
        self.batch, self.elapsed = batch, elapsed
        self.timestamp = Timestamp(batch=batches)
        self.dataloader = [None]
        self.dataloader_len = 1
        self.max_duration = Time.from_timestring('100ba')

    def batch_get_item(self, key):
        return self.batch[key]

    def batch_set_item(self, key, value):
        self.batch[key] = value

    def get_elapsed_duration(self):
        return Time(self.elapsed, 'dur')


class Logged:

    def log_metrics(self, metrics):
        self.metrics = metrics


def progressive_resizing():
    rows = []  # side, elapsed, initial scale, finetune, delay, increment; scale, side
    for side in (28, 32, 224, 20):
        for elapsed in (0.0, 0.19, 0.25, 0.4999, 0.5, 0.61, 0.75, 0.8, 0.95):
            for initial, finetune, delay, increment in ((0.5, 0.2, 0.5, 4), (0.3, 0.25, 0.2, 1), (0.7, 0.0, 0.0, 8)):
                algorithm = ProgressiveResizing(initial_scale=initial, finetune_fraction=finetune,
                                                delay_fraction=delay, size_increment=increment, mode='crop')
                logged = Logged()
                algorithm.apply(Event.AFTER_DATALOADER, Elapsed([torch.zeros(1, 1, side, side), torch.zeros(1)], elapsed), logged)
                scale = logged.metrics['progressive_resizing/scale_factor']
                rows.append([side, elapsed, initial, finetune, delay, increment, scale,
                             logged.metrics['progressive_resizing/width']])
    tensors['resizing/schedule'] = torch.tensor(rows, dtype=torch.float64)
    images, targets = torch.randn(2, 2, 8, 12), torch.randint(9, (2, 8, 12))
    tensors['resizing/input'], tensors['resizing/targets'] = images, targets
    for scale in (0.5, 0.75):
        x, y = resize_batch(images, targets, scale, 'resize', resize_targets=True)
        tensors[f'resizing/{scale}/result'], tensors[f'resizing/{scale}/target_result'] = x, y
    original, torch.randint = torch.randint, lambda high, size: torch.tensor([{4: 3, 6: 2}[high]])
    try:
        x, y = resize_batch(images, targets, 0.5, 'crop', resize_targets=True)
    finally:
        torch.randint = original
    tensors['resizing/crop'], tensors['resizing/target_crop'] = x, y


def seq_length_warmup():
    ids = torch.randint(100, (3, 10))
    mask = torch.tensor([[1] * 10, [1] * 7 + [0] * 3, [1] * 2 + [0] * 8])
    tensors['sequences/input_ids'], tensors['sequences/attention_mask'] = ids, mask
    for name, settings in {'truncated': dict(), 'end': dict(preserve_end_of_sequence=True), 'reshaped': dict(truncate=False)}.items():
        batch = set_batch_sequence_length({'input_ids': ids.clone(), 'attention_mask': mask.clone()}, 4, **settings)
        for key, value in batch.items():
            tensors[f'sequences/{name}/{key}'] = value
    rows = []  # batch of 100, duration, min, max, step; length
    for duration, shortest, longest, step in ((0.3, 8, 1024, 8), (0.5, 10, 60, 10), (1.0, 16, 256, 24), (0.2, 8, 88, 16)):
        # Where steps are of as many batches each, and there is no more than one for each batch.
        updates, warmup = (longest - shortest) // step, int(100 * duration)
        if updates == 0 or warmup % updates != 0:
            continue
        for batch in range(100):
            algorithm = SeqLengthWarmup(duration, shortest, longest, step)
            algorithm._activated = True
            state = Elapsed({'input_ids': torch.zeros(1, 2000)}, batches=batch)
            algorithm.apply(Event.AFTER_DATALOADER, state, Logged())
            rows.append([batch, duration, shortest, longest, step, state.batch['input_ids'].shape[1]])
    tensors['sequences/schedule'] = torch.tensor(rows, dtype=torch.float64)


def no_op_model():
    model, targets = NoOpModelClass(torch.nn.Linear(2, 2)), torch.tensor([2, 0, 1, 3])
    output = model((None, targets))
    tensors['no_op/targets'] = targets
    tensors['no_op/output'] = output.detach()
    tensors['no_op/loss'] = model.loss(output, (None, targets)).detach()


def write(path):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            integral = not tensor.dtype.is_floating_point
            values = ' '.join(str(int(v)) if integral else f'{float(v):.9g}' for v in tensor.flatten())
            kind = 'int64' if integral else str(tensor.dtype).split('.')[1]
            sizes = ' '.join(map(str, tensor.shape))
            print(f'{name} {kind} {sizes}'.rstrip(), file=out)
            print(values, file=out)


torch.manual_seed(12)
np.random.seed(12)
boxes()
cutmix_functions()
cutmix_run()
cutout_functions()
colout_functions()
progressive_resizing()
seq_length_warmup()
no_op_model()
write(pathlib.Path(__file__).parent / 'inputs.txt')
