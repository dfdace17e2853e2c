"""Writes optimizers.txt: 20 steps of optimizers of torch.optim and of Composer, and of LAMB and Lion
as their papers have them.

    pip install torch==2.11.0 mosaicml==0.32.1
    python make_golden.py

Each tensor is two lines: its name, dtype and sizes, then its values.
Gradients are given, not computed, so that only the optimizers are compared: at step s parameter p
has the gradient "gradients/<p>"[s]. The parameter "late" gets its first gradient at step 5 (counted
from 0) and none at steps 10 to 12. The learning rate falls by a factor of 0.95 after each step.
"layout_10/<case>/..." is what `state_dict()` of the Python optimizer holds after 10 steps, and
"at_10/<case>/<p>" are the parameters then; "layout_4" and "at_4" are from before "late" had a gradient.

LBFGS has "weight" and "bias" only. It goes by the given gradients with one evaluation a step, and, when it
iterates, by those of
sum(weight^4 / 4 - weight) + sum(exp(bias) - 2 * bias) + sum((weight summed over rows - bias)^2),
in float64: it divides by differences of gradients, so that float32's rounding is 1e-4 after 20 steps.
"""

import pathlib

import torch
from composer.optim import DecoupledAdamW, DecoupledSGDW

STEPS = 20
LATE = [s for s in range(STEPS) if s >= 5 and not 10 <= s <= 12]
SHAPES = {'conv': (4, 3, 3, 3), 'weight': (5, 4), 'bias': (5,), 'late': (3, 2)}


class Reference(torch.optim.Optimizer):
    """Calls `one` for each parameter that has a gradient."""

    def __init__(self, params, **defaults):
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is not None:
                    self.one(p, p.grad, self.state[p], group)


class Lamb(Reference):
    """You et al., 2019, arXiv:1904.00962, algorithm 2, phi the identity."""

    def one(self, p, g, state, group):
        beta1, beta2 = group['betas']
        t = state['t'] = state.get('t', 0) + 1
        m = state['m'] = beta1 * state.get('m', torch.zeros_like(p)) + (1 - beta1) * g
        v = state['v'] = beta2 * state.get('v', torch.zeros_like(p)) + (1 - beta2) * g * g
        r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group['eps'])
        u = r + group['weight_decay'] * p
        p_norm, u_norm = p.norm(), u.norm()
        ratio = p_norm / u_norm if p_norm > 0 and u_norm > 0 else 1.0
        p.sub_(group['lr'] * ratio * u)


class Lion(Reference):
    """Chen et al., 2023, arXiv:2302.06675, algorithm 2."""

    def one(self, p, g, state, group):
        beta1, beta2 = group['betas']
        m = state.get('m', torch.zeros_like(p))
        c = beta1 * m + (1 - beta1) * g
        p.sub_(group['lr'] * (torch.sign(c) + group['weight_decay'] * p))
        state['m'] = beta2 * m + (1 - beta2) * g


# foreach=False: the plainest of PyTorch's implementations.
def plain(cls):
    return lambda parameters, **options: cls(parameters, foreach=False, **options)


SGD, Adam, AdamW = map(plain, (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW))
RMSprop, Adagrad = map(plain, (torch.optim.RMSprop, torch.optim.Adagrad))
Adafactor = plain(torch.optim.Adafactor)
CASES = {
    'sgd': (SGD, dict(lr=0.1)),
    'sgd_decay': (SGD, dict(lr=0.1, weight_decay=0.05)),
    'sgd_momentum': (SGD, dict(lr=0.05, momentum=0.9)),
    'sgd_dampening': (SGD, dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.01)),
    'sgd_nesterov': (SGD, dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    'adamw': (AdamW, dict(lr=0.01)),
    'adamw_options': (AdamW, dict(lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    'adamw_amsgrad': (AdamW, dict(lr=0.02, betas=(0.8, 0.9), amsgrad=True)),
    'adamw_no_decay': (AdamW, dict(lr=0.02, weight_decay=0.0)),
    'adam': (Adam, dict(lr=0.01)),
    'adam_options': (Adam, dict(lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    'adam_amsgrad': (Adam, dict(lr=0.02, betas=(0.8, 0.9), amsgrad=True)),
    'decoupled_sgdw': (DecoupledSGDW, dict(lr=0.1, weight_decay=0.01)),
    'decoupled_sgdw_dampening': (DecoupledSGDW, dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.02)),
    'decoupled_sgdw_nesterov': (DecoupledSGDW, dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.02)),
    'decoupled_adamw': (DecoupledAdamW, dict(lr=0.01)),
    'decoupled_adamw_options': (DecoupledAdamW, dict(lr=0.02, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.02)),
    'decoupled_adamw_amsgrad': (DecoupledAdamW, dict(lr=0.02, amsgrad=True, weight_decay=0.01)),
    'rmsprop': (RMSprop, dict(lr=0.01)),
    'rmsprop_momentum': (RMSprop, dict(lr=0.01, alpha=0.9, momentum=0.8, weight_decay=0.05)),
    'rmsprop_centered': (RMSprop, dict(lr=0.01, alpha=0.9, eps=1e-6, centered=True)),
    'rmsprop_all': (RMSprop, dict(lr=0.01, alpha=0.9, momentum=0.8, weight_decay=0.05, centered=True)),
    'adagrad': (Adagrad, dict(lr=0.1)),
    'adagrad_options': (Adagrad, dict(lr=0.1, lr_decay=0.05, weight_decay=0.02, initial_accumulator_value=0.3,
                                      eps=1e-6)),
    'lamb': (Lamb, dict(lr=0.02, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01)),
    'lamb_options': (Lamb, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.0)),
    'lion': (Lion, dict(lr=0.01, betas=(0.9, 0.99), weight_decay=0.0)),
    'lion_options': (Lion, dict(lr=0.02, betas=(0.95, 0.98), weight_decay=0.3)),
    'adafactor': (Adafactor, dict()),
    'adafactor_options': (Adafactor, dict(lr=0.5, beta2_decay=-0.5, eps=(1e-4, 1e-2), d=1.2, weight_decay=0.02)),
}
LAYOUTS = ['sgd_momentum', 'adam', 'adamw_amsgrad', 'decoupled_sgdw_nesterov', 'decoupled_adamw', 'rmsprop_all',
           'adagrad_options', 'adafactor']
LBFGS_GIVEN = {
    'lbfgs_short': dict(lr=0.1, max_iter=1, history_size=4),
    'lbfgs_long': dict(lr=0.05, max_iter=1),
}
LBFGS_COMPUTED = {
    'lbfgs': dict(lr=0.1, max_iter=4, history_size=5),
    'lbfgs_wolfe': dict(max_iter=3, history_size=3, line_search_fn='strong_wolfe'),
    'lbfgs_wolfe_eval': dict(lr=0.5, max_iter=6, max_eval=3, line_search_fn='strong_wolfe'),
}

torch.manual_seed(17)
tensors = {}
for name, shape in SHAPES.items():
    tensors[f'parameters/{name}'] = torch.randn(shape)
    tensors[f'gradients/{name}'] = torch.randn(STEPS, *shape) * torch.logspace(0, -1, STEPS).view(
        -1, *[1] * len(shape))


def fresh(names):
    return {name: tensors[f'parameters/{name}'].clone().requires_grad_() for name in names}


def write_layout(case, step, optimizer, parameters):
    for index, state in optimizer.state_dict()['state'].items():
        for kind, value in state.items():
            if value is not None:
                tensors[f'layout_{step}/{case}/{index}/{kind}'] = value.clone()
    for name, parameter in parameters.items():
        tensors[f'at_{step}/{case}/{name}'] = parameter.detach().clone()


for case, (cls, options) in CASES.items():
    parameters = fresh(SHAPES)
    optimizer = cls(parameters.values(), **options)
    for step in range(STEPS):
        if step in (4, 10) and case in LAYOUTS:
            write_layout(case, step, optimizer, parameters)
        for name, parameter in parameters.items():
            has_gradient = name != 'late' or step in LATE
            parameter.grad = tensors[f'gradients/{name}'][step].clone() if has_gradient else None
        optimizer.step()
        optimizer.param_groups[0]['lr'] *= 0.95
    for name, parameter in parameters.items():
        tensors[f'{case}/{name}'] = parameter.detach()

for case, options in {**LBFGS_GIVEN, **LBFGS_COMPUTED}.items():
    parameters = fresh(['weight', 'bias'])
    if case in LBFGS_COMPUTED:
        parameters = {name: p.detach().double().requires_grad_() for name, p in parameters.items()}
    optimizer = torch.optim.LBFGS(parameters.values(), **options)
    for step in range(STEPS):

        def given():
            for name, parameter in parameters.items():
                parameter.grad = tensors[f'gradients/{name}'][step].clone()
            return torch.zeros(())

        def computed():
            optimizer.zero_grad()
            weight, bias = parameters.values()
            loss = ((weight.pow(4) / 4 - weight).sum() + (bias.exp() - 2 * bias).sum()
                    + (weight.sum(1) - bias).pow(2).sum())
            loss.backward()
            return loss

        optimizer.step(given if case in LBFGS_GIVEN else computed)
    for name, parameter in parameters.items():
        tensors[f'{case}/{name}'] = parameter.detach().float()

lines = []
for name, tensor in tensors.items():
    dtype = str(tensor.dtype).removeprefix('torch.')
    lines.append(' '.join([name, dtype, *map(str, tensor.shape)]))
    lines.append(' '.join('%.9g' % value for value in tensor.flatten().tolist()))
pathlib.Path(__file__).with_name('optimizers.txt').write_text('\n'.join(lines) + '\n')
