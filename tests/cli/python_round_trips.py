"""Weights between Python's packages and the command `composer`, compared bit for bit.

    python python_round_trips.py COMPOSER PART

The parts, and the packages that they need:

    forward       a network of Python's goes on in composer, and back: torch, safetensors
    torchvision   a network under others' names: torchvision
    mosaicml      a checkpoint of the Trainer's: mosaicml
    transformers  split files, tied weights: transformers

Runs in the present folder, which should be empty. Exits with 77 where a package is missing.
"""

import json
import subprocess
import sys

try:
    import torch
    from safetensors.torch import load_file, load_model, save_file
    from torch import nn
except ImportError as error:
    print(error)
    sys.exit(77)

PROGRAM = sys.argv[1]

FORWARD = """
model { cnn { channels: [ 4, 8 ] num_classes: 3 } }
device: "cpu"
evaluators { data {
  dataset { safetensors { tensors { name: "input" file: "data.safetensors" }
                          tensors { name: "target" file: "data.safetensors" } } }
  batch_size: 16
} }
"""

TRAINING = """
include: "forward.textproto"
max_duration: "3ba"
run_name: "run"
train { dataset { safetensors { tensors { name: "input" file: "data.safetensors" }
                                tensors { name: "target" file: "data.safetensors" } } }
        batch_size: 16 }
optimizer { adamw { lr: 0.01 } }
"""


def composer(*arguments):
    """Runs the command; gives the JSON object that it prints, if any."""
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, (arguments, result.stderr)
    return json.loads(result.stdout) if result.stdout.startswith('{') else result


def assert_same(have, want):
    assert set(have) == set(want), set(have) ^ set(want)
    for name, tensor in want.items():
        assert have[name].dtype == tensor.dtype and torch.equal(have[name], tensor), name


class Block(nn.Module):
    """A block of composer's model `cnn`."""

    def __init__(self, in_channels, channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2)


class Cnn(nn.Module):

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, 4), Block(4, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.blocks(x).mean((2, 3)))


def assert_computes_the_same(net, logits_file):
    with torch.no_grad():
        want = net.eval()(load_file('data.safetensors')['input'])
    (have,) = load_file(logits_file).values()
    torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-6)


def forward():
    torch.manual_seed(0)
    net = Cnn()
    save_file({'input': torch.randn(48, 1, 8, 8), 'target': torch.randint(0, 3, (48,))}, 'data.safetensors')
    net(load_file('data.safetensors')['input'])  # batch norm's statistics
    torch.save({'epoch': 1, 'state_dict': nn.DataParallel(net).state_dict()}, 'python.pt')
    with open('forward.textproto', 'w') as file:
        file.write(FORWARD)
    with open('training.textproto', 'w') as file:
        file.write(TRAINING)

    imported = composer('import', 'python.pt', 'imported.safetensors', '--rename', r'^module\.=>')
    assert imported['key'] == 'state_dict' and imported['tensors'] == imported['renamed'] == 14, imported
    assert_same(load_file('imported.safetensors'), net.state_dict())
    composer('predict', 'forward.textproto', 'weights=imported.safetensors', '--output=logits.safetensors')
    assert_computes_the_same(net, 'logits.safetensors')

    composer('import', 'python.pt', 'prefixed.safetensors')
    renamed = 'init_from={ path: "prefixed.safetensors" rename { pattern: "^module." } }'
    composer('predict', 'forward.textproto', renamed, '--output=renamed.safetensors')
    assert_computes_the_same(net, 'renamed.safetensors')

    run = composer('train', 'training.textproto', 'init_from.path=imported.safetensors')
    weights = run['run_dir'] + '/model.safetensors'
    trained = Cnn()
    trained.load_state_dict(load_file(weights), strict=True)
    assert trained.blocks[0].norm.num_batches_tracked == 4  # one of ours, three of composer's
    assert not torch.equal(trained.head.weight, net.head.weight)
    composer('predict', 'forward.textproto', 'weights=' + weights, '--output=trained.safetensors')
    assert_computes_the_same(trained, 'trained.safetensors')
    composer('predict', 'training.textproto', 'init_from.path=' + run['run_dir'], '--output=folder.safetensors')
    assert_computes_the_same(trained, 'folder.safetensors')

    composer('export', weights, 'trained.pt')
    again = Cnn()
    again.load_state_dict(torch.load('trained.pt', weights_only=True), strict=True)
    assert_same(again.state_dict(), trained.state_dict())


def torchvision():
    from torchvision.models import mobilenet_v3_small

    torch.manual_seed(1)
    net = mobilenet_v3_small(weights=None)
    for dtype in (torch.float32, torch.bfloat16):
        net.to(dtype)
        torch.save(net.state_dict(), 'net.pt')
        composer('import', 'net.pt', 'net.safetensors')
        assert_same(load_file('net.safetensors'), net.state_dict())
        composer('export', 'net.safetensors', 'back.pt')
        assert_same(torch.load('back.pt', weights_only=True), net.state_dict())
    ema = torch.optim.swa_utils.AveragedModel(net)
    torch.save({'model': ema.state_dict(), 'args': {'lr': 0.1}}, 'ema.pt')
    composer('import', 'ema.pt', 'ema.safetensors', '--skip', '^n_averaged$', '--rename', r'^module\.=>')
    assert_same(load_file('ema.safetensors'), net.state_dict())


def mosaicml():
    from composer import Trainer
    from composer.algorithms import EMA, LabelSmoothing
    from composer.models import ComposerClassifier
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(2)
    model = ComposerClassifier(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), num_classes=2)
    optimizer = torch.optim.AdamW(model.parameters())
    trainer = Trainer(model=model,
                      optimizers=optimizer,
                      schedulers=torch.optim.lr_scheduler.StepLR(optimizer, 1),
                      train_dataloader=DataLoader(TensorDataset(torch.randn(8, 3), torch.randint(0, 2, (8,))),
                                                  batch_size=4),
                      algorithms=[LabelSmoothing(0.1), EMA(half_life='1ba')],
                      max_duration='2ep',
                      device='cpu',
                      progress_bar=False,
                      save_folder='saved',
                      save_filename='ep{epoch}.pt')
    trainer.fit()
    imported = composer('import', 'saved/ep2.pt', 'out.safetensors')
    assert imported['key'] == 'state.model', imported
    assert_same(load_file('out.safetensors'), torch.load('saved/ep2.pt', weights_only=False)['state']['model'])
    composer('export', 'out.safetensors', 'out.pt')
    model.load_state_dict(torch.load('out.pt', weights_only=True), strict=True)


def transformers():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(3)
    config = GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    net = GPT2LMHeadModel(config)
    net.save_pretrained('split', max_shard_size='8KB')
    composer('export', 'split', 'split.pt')
    other = GPT2LMHeadModel(config)
    missing, unexpected = other.load_state_dict(torch.load('split.pt', weights_only=True), strict=False)
    assert not unexpected and set(missing) <= {'lm_head.weight'}, (missing, unexpected)
    assert_same(other.state_dict(), net.state_dict())

    torch.save(net.state_dict(), 'tied.pt')
    assert composer('import', 'tied.pt', 'tied.safetensors')['tied'] == 1
    other = GPT2LMHeadModel(config)
    load_model(other, 'tied.safetensors', strict=True)
    assert_same(other.state_dict(), net.state_dict())


try:
    {'forward': forward, 'torchvision': torchvision, 'mosaicml': mosaicml, 'transformers': transformers}[sys.argv[2]]()
except ModuleNotFoundError as error:
    print(error)
    sys.exit(77)
