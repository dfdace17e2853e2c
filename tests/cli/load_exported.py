"""Compares files that composer wrote with those that PyTorch did, by torch.load(weights_only=True).

    python load_exported.py WRITTEN_FOLDER GOLDEN_FOLDER
"""

import pathlib
import sys

import torch

written, golden = (pathlib.Path(argument) for argument in sys.argv[1:])


def content(tensor):
    tensor = tensor.resolve_conj().resolve_neg().contiguous()
    return tensor.untyped_storage().tolist() if tensor.numel() else []


for name in ('state_dict', 'dtypes', 'views', 'tied'):
    want = torch.load(golden / f'{name}.pt', weights_only=True)
    for mmap in (False, True):
        have = torch.load(written / f'{name}.pt', weights_only=True, mmap=mmap)
        assert list(have) == list(want), (name, list(have))
        for key, tensor in want.items():
            assert have[key].dtype == tensor.dtype and have[key].shape == tensor.shape, (name, key)
            view = have[key].clone(memory_format=torch.contiguous_format)
            assert content(view) == content(tensor.clone(memory_format=torch.contiguous_format)), (name, key)
            assert mmap is False or have[key].numel() == 0 or have[key].untyped_storage().data_ptr() % 64 == 0
tied = torch.load(written / 'tied.pt', weights_only=True)
assert tied['head.weight'].data_ptr() == tied['embedding.weight'].data_ptr()
views = torch.load(written / 'views.pt', weights_only=True)
assert views['transposed'].stride() == (1, 4, 12)
assert views['slice'].untyped_storage().data_ptr() == views['base'].untyped_storage().data_ptr()
print('PyTorch', torch.__version__, 'loads what was written')
