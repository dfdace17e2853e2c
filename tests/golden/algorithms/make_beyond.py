"""Writes beyond.txt: what PyTorch gives for the methods that Composer does not have.

    pip install torch==2.11.0 torchvision==0.26.0
    python make_beyond.py

The format is that of make_inputs.py. The formulas are those of the papers' code: compute_kl_loss of
R-Drop's, with means instead of sums, and losses.py, ramps.py and update_ema_variables of
mean-teacher's.
"""

import pathlib

import numpy as np
import torch
import torchvision.transforms.functional as transforms
from torch.nn import functional as F
from torchvision.transforms import RandomErasing

tensors = {}


def random_erasing():
    images, boxes = torch.randn(4, 3, 9, 8), []
    by_value, noise = images.clone(), torch.randn(4, 3, 9, 8)
    by_noise = images.clone()
    for sample in range(3):  # the last one stays
        i, j, h, w, _ = RandomErasing.get_params(images[sample], (0.02, 0.33), (0.3, 3.3), [0.5])
        boxes.append([i, j, i + h, j + w])
        by_value[sample] = transforms.erase(images[sample], i, j, h, w, torch.tensor(0.5))
        by_noise[sample] = transforms.erase(images[sample], i, j, h, w, noise[sample, :, i:i + h, j:j + w])
    tensors.update({
        'erasing/images': images,
        'erasing/boxes': torch.tensor(boxes + [[0, 0, 0, 0]]),
        'erasing/by_value': by_value,
        'erasing/noise': noise,
        'erasing/by_noise': by_noise,
    })


def gradient_noise():
    rows = [[t, eta, gamma, (eta / (1 + t)**gamma)**0.5]
            for t in (0, 1, 9, 1000, 123456) for eta in (0.01, 0.3, 1.0) for gamma in (0.55, 0.0, 1.0)]
    tensors['noise/sigma'] = torch.tensor(rows, dtype=torch.float64)


def kl(p, q, dim):
    return F.kl_div(F.log_softmax(p, dim), F.softmax(q, dim), reduction='none').sum(dim)


def r_drop():
    p, q = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4, requires_grad=True)
    targets, alpha = torch.tensor([0, 3, -100, 2, 1]), 0.7
    counted = targets.ge(0)
    divergence = ((kl(p, q, 1) + kl(q, p, 1)) / 2)[counted].mean()
    loss = 0.5 * (F.cross_entropy(p, targets) + F.cross_entropy(q, targets)) + alpha * divergence
    loss.backward()
    tensors.update({
        'r_drop/first': p.detach(),
        'r_drop/second': q.detach(),
        'r_drop/targets': targets,
        'r_drop/divergence': divergence.detach(),
        'r_drop/loss': loss.detach(),
        'r_drop/first_gradient': p.grad,
        'r_drop/second_gradient': q.grad,
    })


def mean_teacher():
    for name, shape, dim in (('samples', (5, 4), 1), ('tokens', (2, 3, 5), 2), ('pixels', (2, 4, 2, 3), 1)):
        student, teacher = torch.randn(shape, requires_grad=True), torch.randn(shape)
        mse = F.mse_loss(F.softmax(student, dim), F.softmax(teacher, dim))
        divergence = F.kl_div(F.log_softmax(student, dim), F.softmax(teacher, dim), reduction='none').sum(dim).mean()
        gradient, = torch.autograd.grad(mse + divergence, student)
        tensors.update({
            f'teacher/{name}/student': student.detach(),
            f'teacher/{name}/teacher': teacher,
            f'teacher/{name}/mse': mse.detach(),
            f'teacher/{name}/kl': divergence.detach(),
            f'teacher/{name}/gradient': gradient,
        })
    ramp = []  # elapsed, ramp_up, weight: sigmoid_rampup
    for ramp_up in (0.1, 0.4, 1.0):
        for elapsed in (0.0, 0.02, 0.1, 0.25, 0.4, 0.9):
            phase = 1.0 - np.clip(elapsed, 0.0, ramp_up) / ramp_up
            ramp.append([elapsed, ramp_up, float(np.exp(-5.0 * phase * phase))])
    tensors['teacher/ramp'] = torch.tensor(ramp, dtype=torch.float64)
    tensors['teacher/smoothing'] = torch.tensor(
        [[step, alpha, min(1 - 1 / (step + 1), alpha)] for step in (1, 2, 9, 98, 99, 5000) for alpha in (0.5, 0.99)],
        dtype=torch.float64)


class Net(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 4) * 0.5)

    def forward(self, x):
        return F.linear(x, self.weight)


def mean_teacher_run():
    batches = [(torch.randn(6, 4), torch.randint(3, (6,))) for _ in range(8)]
    student, teacher = Net(), Net()
    teacher.load_state_dict(student.state_dict())
    tensors['teacher_run/inputs'] = torch.stack([x for x, _ in batches])
    tensors['teacher_run/targets'] = torch.stack([y for _, y in batches])
    tensors['teacher_run/weight'] = student.weight.detach().clone()
    optimizer, losses = torch.optim.SGD(student.parameters(), lr=0.5), []
    for step, (x, y) in enumerate(batches):
        with torch.no_grad():
            soft = F.softmax(teacher(x), 1)
        logits = student(x)
        phase = 1.0 - min(step / len(batches), 0.5) / 0.5
        consistency = 3.0 * np.exp(-5.0 * phase * phase) * F.mse_loss(F.softmax(logits, 1), soft)
        loss = F.cross_entropy(logits, y) + consistency
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        alpha = min(1 - 1 / (step + 2), 0.7)
        with torch.no_grad():
            teacher.weight.mul_(alpha).add_(student.weight, alpha=1 - alpha)
    tensors['teacher_run/losses'] = torch.tensor(losses, dtype=torch.float64)
    tensors['teacher_run/student'] = student.weight.detach()
    tensors['teacher_run/teacher'] = teacher.weight.detach()


def write(path):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            integral = not tensor.dtype.is_floating_point
            values = ' '.join(str(int(v)) if integral else f'{float(v):.9g}' for v in tensor.flatten())
            kind = 'int64' if integral else str(tensor.dtype).split('.')[1]
            sizes = ' '.join(map(str, tensor.shape))
            print(f'{name} {kind} {sizes}'.rstrip(), file=out)
            print(values, file=out)


torch.manual_seed(14)
random_erasing()
gradient_noise()
r_drop()
mean_teacher()
mean_teacher_run()
write(pathlib.Path(__file__).parent / 'beyond.txt')
