"""Writes transformers.txt, transformers_*.safetensors and huggingface_configs.txt: what Hugging Face's GPT-2 and
BERT and timm's ViT compute.

    pip install torch==2.11.0 transformers==5.23.0 timm==1.0.31 safetensors
    python make_transformers.py

transformers.txt: for each network inputs, logits in evaluation, and of a training without dropout the loss and the
norm of its gradient; each tensor is two lines: its name, dtype and sizes, then its values. transformers_<name>.safetensors:
the network's weights, all of them random. huggingface_configs.txt: JSON, the configs of Hugging Face's networks.

    python make_transformers.py FOLDER

instead loads FOLDER, a checkpoint of one of the models, with Hugging Face's AutoModel and prints what it found.
"""

import json
import pathlib
import sys

import timm
import torch
import transformers
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent


def write(path, tensors):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            print(name, str(tensor.dtype).removeprefix('torch.'), *tensor.shape, file=out)
            values = tensor.flatten().tolist()
            print(*('%.9g' % value for value in values), file=out)


def randomise(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if 'norm' in name.lower() or 'ln_' in name else 0.0, 0.3)


def save(model, name):
    weights, seen = {}, set()
    for key, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            weights[key] = tensor.contiguous()
        seen.add(tensor.data_ptr())
    save_file(weights, FOLDER / f'transformers_{name}.safetensors', {'format': 'pt'})


def gradient_norm(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()


def gpt2(tensors, configs):
    config = transformers.GPT2Config(vocab_size=13, n_positions=10, n_embd=8, n_layer=2, n_head=2, n_inner=20,
                                     resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None,
                                     eos_token_id=None)
    config.architectures = ['GPT2LMHeadModel']
    configs['gpt2'] = config.to_dict()
    model = transformers.GPT2LMHeadModel(config)
    randomise(model)
    save(model, 'gpt2')
    ids = torch.randint(13, (3, 7))
    mask = torch.ones(3, 7, dtype=torch.int64)
    mask[1, 5:] = 0
    mask[2, :2] = 0
    labels = ids.masked_fill(mask == 0, -100)
    tensors |= {'gpt2/input_ids': ids, 'gpt2/attention_mask': mask, 'gpt2/labels': labels}
    model.eval()
    tensors['gpt2/logits'] = model(ids).logits.detach()
    tensors['gpt2/masked_logits'] = model(ids, attention_mask=mask).logits.detach()
    model.train()
    loss = model(ids, attention_mask=mask, labels=labels).loss
    tensors |= {'gpt2/loss': loss.detach(), 'gpt2/gradient_norm': gradient_norm(model, loss)}
    loss = model(ids, labels=ids).loss
    tensors |= {'gpt2/plain_loss': loss.detach(), 'gpt2/plain_gradient_norm': gradient_norm(model, loss)}


def bert(tensors, configs):
    ids = torch.randint(13, (3, 7))
    mask = torch.ones(3, 7, dtype=torch.int64)
    mask[1, 5:] = 0
    types = torch.zeros(3, 7, dtype=torch.int64)
    types[:, 4:] = 1
    labels = torch.where(torch.rand(3, 7) < 0.5, torch.randint(13, (3, 7)), -100)
    classes = torch.tensor([2, 0, 1])
    tensors |= {'bert/input_ids': ids, 'bert/attention_mask': mask, 'bert/token_type_ids': types,
                'bert/labels': labels, 'bert/classes': classes}
    for name, kind, target in (('masked_lm', transformers.BertForMaskedLM, labels),
                               ('classifier', transformers.BertForSequenceClassification, classes)):
        config = transformers.BertConfig(vocab_size=13, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                                         intermediate_size=12, max_position_embeddings=9, hidden_dropout_prob=0.0,
                                         attention_probs_dropout_prob=0.0,
                                         num_labels=3 if name == 'classifier' else 2)
        config.architectures = [kind.__name__]
        configs[name] = config.to_dict()
        model = kind(config)
        randomise(model)
        save(model, name)
        model.eval()
        tensors[f'{name}/plain_logits'] = model(ids).logits.detach()
        arguments = {'attention_mask': mask, 'token_type_ids': types}
        tensors[f'{name}/logits'] = model(ids, **arguments).logits.detach()
        model.train()
        loss = model(ids, **arguments, labels=target).loss
        tensors |= {f'{name}/loss': loss.detach(), f'{name}/gradient_norm': gradient_norm(model, loss)}


def vit(tensors):
    model = timm.models.VisionTransformer(img_size=8, patch_size=4, in_chans=3, num_classes=5, embed_dim=8, depth=2,
                                          num_heads=2, mlp_ratio=2.0)
    randomise(model)
    save(model, 'vit')
    images = torch.randn(3, 3, 8, 8)
    target = torch.tensor([4, 0, 2])
    tensors |= {'vit/input': images, 'vit/target': target}
    model.eval()
    tensors['vit/logits'] = model(images).detach()
    model.train()
    loss = torch.nn.functional.cross_entropy(model(images), target)
    tensors |= {'vit/loss': loss.detach(), 'vit/gradient_norm': gradient_norm(model, loss)}


def main():
    if len(sys.argv) > 1:
        config = transformers.AutoConfig.from_pretrained(sys.argv[1])
        kind = getattr(transformers, config.architectures[0])
        model, info = kind.from_pretrained(sys.argv[1], output_loading_info=True)
        print(type(model).__name__, info)
        print(type(transformers.AutoModel.from_pretrained(sys.argv[1])).__name__)
        return
    torch.manual_seed(3)
    tensors, configs = {}, {}
    gpt2(tensors, configs)
    bert(tensors, configs)
    vit(tensors)
    write(FOLDER / 'transformers.txt', tensors)
    (FOLDER / 'huggingface_configs.txt').write_text(json.dumps(configs, indent=1) + '\n')


if __name__ == '__main__':
    main()
