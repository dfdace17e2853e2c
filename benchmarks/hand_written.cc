#include "benchmarks/hand_written.h"

#include <ATen/ATen.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/optim/sgd.h>

#include "composer/nn/memory_format.h"

namespace composer::benchmarks {
namespace {

namespace nn = torch::nn;

nn::Sequential make_mlp(const std::vector<int64_t>& sizes) {
  nn::Sequential layers;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    layers->push_back(nn::Linear(sizes[i], sizes[i + 1]));
    if (i + 2 < sizes.size()) layers->push_back(nn::ReLU());
  }
  return layers;
}

nn::Sequential make_cnn() {
  nn::Sequential layers;
  int64_t in = 1;
  for (const int64_t out : {32, 64, 128}) {
    layers->push_back(nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1).bias(false)));
    layers->push_back(nn::BatchNorm2d(out));
    layers->push_back(nn::ReLU(nn::ReLUOptions(/*inplace=*/true)));
    layers->push_back(nn::MaxPool2d(2));
    in = out;
  }
  layers->push_back(nn::AdaptiveAvgPool2d(1));
  layers->push_back(nn::Flatten());
  layers->push_back(nn::Linear(in, 10));
  return layers;
}

}  // namespace

struct HandWritten::Impl {
  nn::Sequential model;
  bool channels_last = false;
  std::vector<at::Tensor> parameters;
  std::unique_ptr<torch::optim::SGD> optimizer;  // null when fused
  std::vector<at::Tensor> momentum;
  bool first = true;
};

HandWritten::HandWritten(const std::string& model, bool fused) : impl_(std::make_unique<Impl>()) {
  TORCH_CHECK_VALUE(model == "tiny_mlp" || model == "mlp" || model == "cnn", "unknown model ",
                    model);
  if (model == "tiny_mlp") impl_->model = make_mlp({32, 64, 10});
  if (model == "mlp") impl_->model = make_mlp({784, 512, 512, 10});
  if (model == "cnn") impl_->model = make_cnn();
  impl_->channels_last = model == "cnn";
  if (impl_->channels_last) {
    for (at::Tensor& parameter : impl_->model->parameters()) {
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
      }
    }
  }
  impl_->parameters = impl_->model->parameters();
  if (fused) {
    for (const at::Tensor& parameter : impl_->parameters) {
      impl_->momentum.push_back(at::zeros_like(parameter));
    }
  } else {
    impl_->optimizer = std::make_unique<torch::optim::SGD>(
        impl_->parameters, torch::optim::SGDOptions(0.01).momentum(0.9));
  }
}

HandWritten::~HandWritten() = default;

at::Tensor HandWritten::step(const at::Tensor& input, const at::Tensor& target) {
  Impl& self = *impl_;
  if (self.optimizer) {
    self.optimizer->zero_grad();
  } else {
    for (at::Tensor& parameter : self.parameters) parameter.mutable_grad().reset();
  }
  const at::Tensor output = self.model->forward(
      self.channels_last ? in_memory_format(input, at::MemoryFormat::ChannelsLast) : input);
  at::Tensor loss = nn::functional::cross_entropy(output, target);
  loss.backward();
  if (self.optimizer) {
    self.optimizer->step();
    return loss;
  }
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  gradients.reserve(self.parameters.size());
  for (const at::Tensor& parameter : self.parameters) gradients.push_back(parameter.grad());
  at::_fused_sgd_(self.parameters, gradients, self.momentum, /*weight_decay=*/0, /*momentum=*/0.9,
                  /*lr=*/0.01, /*dampening=*/0, /*nesterov=*/false, /*maximize=*/false, self.first);
  self.first = false;
  return loss;
}

void HandWritten::set_parameters(const std::vector<at::Tensor>& source) {
  const at::NoGradGuard no_grad;
  TORCH_CHECK_VALUE(source.size() == impl_->parameters.size(), "another number of parameters");
  for (size_t i = 0; i < source.size(); ++i) impl_->parameters[i].copy_(source[i]);
}

std::vector<at::Tensor> HandWritten::parameters() const { return impl_->parameters; }

}  // namespace composer::benchmarks
