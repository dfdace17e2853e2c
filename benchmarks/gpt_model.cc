#include "benchmarks/gpt_model.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include <vector>

#include "composer/nn/linear.h"

namespace composer::benchmarks {
namespace {

namespace nn = torch::nn;

std::shared_ptr<LayerOf<nn::LayerNormImpl>> norm(int64_t width) {
  return make_layer<nn::LayerNormImpl>(nn::LayerNormOptions({width}));
}

class GptBlock final : public nn::Module, public SlotOwner, public Layer {
 public:
  GptBlock(int64_t width, int64_t heads)
      : heads_(heads),
        l1_(*this, "l1", norm(width)),
        qkv_(*this, "qkv", make_layer<LinearImpl>(width, 3 * width)),
        proj_(*this, "proj", make_layer<LinearImpl>(width, width)),
        l2_(*this, "l2", norm(width)),
        up_(*this, "up", make_layer<LinearImpl>(width, 4 * width)),
        down_(*this, "down", make_layer<LinearImpl>(4 * width, width)) {}

  at::Tensor forward(const at::Tensor& input) override {
    const at::Tensor x = input + proj_->forward(attention(l1_->forward(input)));
    return x + down_->forward(at::gelu(up_->forward(l2_->forward(x))));
  }

 private:
  at::Tensor attention(const at::Tensor& x) const {
    const int64_t batch = x.size(0), sequence = x.size(1), width = x.size(2);
    std::vector<at::Tensor> qkv = qkv_->forward(x).split(width, 2);
    for (at::Tensor& part : qkv) {
      part = part.view({batch, sequence, heads_, width / heads_}).transpose(1, 2);
    }
    return at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], /*attn_mask=*/{},
                                            /*dropout_p=*/0.0, /*is_causal=*/true)
        .transpose(1, 2)
        .reshape({batch, sequence, width});
  }

  const int64_t heads_;
  Slot<Layer> l1_;
  Slot<Layer> qkv_;
  Slot<Layer> proj_;
  Slot<Layer> l2_;
  Slot<Layer> up_;
  Slot<Layer> down_;
};

}  // namespace

Gpt::Gpt(const GptOptions& options)
    : tok_(*this, "tok", make_layer<nn::EmbeddingImpl>(options.vocabulary, options.width)),
      pos_(*this, "pos", make_layer<nn::EmbeddingImpl>(options.positions, options.width)),
      blocks_(register_module("blocks", std::make_shared<LayerSequence>())),
      ln_(*this, "ln", norm(options.width)),
      head_(*this, "head",
            make_layer<LinearImpl>(
                nn::LinearOptions(options.width, options.vocabulary).bias(false))) {
  for (int64_t i = 0; i < options.layers; ++i) {
    blocks_->push_back(std::make_shared<GptBlock>(options.width, options.heads));
  }
}

Outputs Gpt::forward(const Batch& batch) {
  const at::Tensor& tokens = batch.at("input_ids");
  const at::Tensor positions = at::arange(tokens.size(1), tokens.options());
  const at::Tensor embedded = tok_->forward(tokens) + pos_->forward(positions);
  return {{"logits", head_->forward(ln_->forward(blocks_->forward(embedded)))}};
}

Loss Gpt::loss(const Outputs& outputs, const Batch& batch) {
  const at::Tensor& logits = outputs.at("logits");
  return at::cross_entropy_loss(logits.view({-1, logits.size(-1)}),
                                batch.at("labels").reshape({-1}));
}

std::vector<Batch> random_tokens(const GptOptions& options, int64_t batches, int64_t batch_size) {
  std::vector<Batch> result;
  for (int64_t i = 0; i < batches; ++i) {
    const at::Tensor tokens =
        at::randint(options.vocabulary, {batch_size, options.positions + 1}, at::kLong);
    result.push_back({{"input_ids", tokens.narrow(1, 0, options.positions).contiguous()},
                      {"labels", tokens.narrow(1, 1, options.positions).contiguous()}});
  }
  return result;
}

}  // namespace composer::benchmarks
