#include "composer/nn/activation_checkpoint.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <array>
#include <functional>
#include <regex>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/generator_states.h"
#include "composer/nn/layer.h"
#include "composer/nn/masked_layer.h"
#include "composer/nn/slot.h"

namespace composer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Autocast {
  at::DeviceType device;
  bool enabled = at::autocast::is_autocast_enabled(device);
  at::ScalarType dtype = at::autocast::get_autocast_dtype(device);
  bool cache = at::autocast::is_autocast_cache_enabled();

  void restore() const {
    at::autocast::set_autocast_enabled(device, enabled);
    at::autocast::set_autocast_dtype(device, dtype);
    at::autocast::set_autocast_cache_enabled(cache);
  }
};

// No casts of weights that autocast has cached for another graph, before or after.
struct OwnCasts {
  OwnCasts() { at::autocast::clear_cache(); }
  ~OwnCasts() { at::autocast::clear_cache(); }
  OwnCasts(const OwnCasts&) = delete;
  OwnCasts& operator=(const OwnCasts&) = delete;
};

// What a layer's forward goes by beside its input, its parameters and its buffers, as it is when
// this is made.
class Surroundings {
 public:
  Surroundings(const torch::nn::Module& layer, at::Device device)
      : generators_(device), autocast_{{{at::kCPU}, {device.type()}}}, modules_(layer.modules()) {
    for (const auto& module : modules_) training_.push_back(module->is_training());
  }

  void restore() const {
    generators_.restore();
    for (const Autocast& autocast : autocast_) autocast.restore();
    // A module sets those inside of it, too; these come later in the list.
    for (size_t i = 0; i < modules_.size(); ++i) {
      if (modules_[i]->is_training() != training_[i]) modules_[i]->train(training_[i]);
    }
  }

 private:
  GeneratorStates generators_;
  std::array<Autocast, 2> autocast_;
  std::vector<std::shared_ptr<torch::nn::Module>> modules_;
  std::vector<bool> training_;
};

// The values of a layer's buffers.
class Buffers {
 public:
  explicit Buffers(const torch::nn::Module& layer) : buffers_(layer.buffers()) {
    for (const at::Tensor& buffer : buffers_) copies_.push_back(buffer.detach().clone());
  }

  void restore() const {
    // What other graphs have saved of a buffer holds again afterwards: for them nothing changes.
    const at::AutoDispatchBelowADInplaceOrView no_new_version;
    for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].copy_(copies_[i]);
  }

 private:
  std::vector<at::Tensor> buffers_;
  std::vector<at::Tensor> copies_;
};

// Restores what `Saved` was made of when the scope is left.
template <typename Saved>
class Restoring {
 public:
  template <typename... Arguments>
  explicit Restoring(const Arguments&... arguments) : saved_{arguments...} {}
  ~Restoring() { saved_.restore(); }
  Restoring(const Restoring&) = delete;
  Restoring& operator=(const Restoring&) = delete;

 private:
  const Saved saved_;
};

// While this lives the parameters' own hooks do not run: they run where the gradient arrives in the
// graph outside.
class WithoutHooks {
 public:
  explicit WithoutHooks(const variable_list& parameters) : parameters_(parameters) {
    for (const at::Tensor& parameter : parameters_) {
      hooks_.push_back(std::exchange(torch::autograd::impl::hooks(parameter), {}));
    }
  }
  ~WithoutHooks() {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      torch::autograd::impl::hooks(parameters_[i]) = std::move(hooks_[i]);
    }
  }
  WithoutHooks(const WithoutHooks&) = delete;
  WithoutHooks& operator=(const WithoutHooks&) = delete;

 private:
  const variable_list& parameters_;
  std::vector<std::vector<std::unique_ptr<torch::autograd::FunctionPreHook>>> hooks_;
};

// Each once, also where modules share it.
variable_list trainable_parameters(const torch::nn::Module& layer) {
  variable_list parameters = layer.parameters();
  std::unordered_set<const void*> seen;
  parameters.erase(std::remove_if(parameters.begin(), parameters.end(),
                                  [&](const at::Tensor& parameter) {
                                    return !parameter.requires_grad() ||
                                           !seen.insert(parameter.unsafeGetTensorImpl()).second;
                                  }),
                   parameters.end());
  return parameters;
}

// The gradient of a tensor that is in the graph of `output` and not in `inputs` would be lost.
void check_leaves(const at::Tensor& output, const variable_list& inputs,
                  const torch::nn::Module& layer) {
  std::unordered_set<const void*> known;
  for (const at::Tensor& input : inputs) known.insert(input.unsafeGetTensorImpl());
  std::vector<torch::autograd::Node*> open = {output.grad_fn().get()};
  std::unordered_set<const void*> seen;
  while (!open.empty()) {
    torch::autograd::Node* const node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    if (const auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(node)) {
      TORCH_CHECK(known.count(leaf->variable.unsafeGetTensorImpl()) > 0, "a checkpointed layer (",
                  layer.name(), ") uses a parameter ", leaf->variable.sizes(),
                  " that is not its own, or was not when forward was called; its gradient would be "
                  "lost. Checkpoint a layer that holds all that it uses");
    }
    for (const torch::autograd::Edge& edge : node->next_edges()) {
      open.push_back(edge.function.get());
    }
  }
}

// A layer's forward, with all that it is given beside the input.
using Forward = std::function<at::Tensor(const at::Tensor& input)>;

// What backward needs of a call, beside tensors.
struct Call : torch::CustomClassHolder {
  Call(std::shared_ptr<torch::nn::Module> module, Forward forward, at::Device device)
      : module(std::move(module)),
        forward(std::move(forward)),
        device(device),
        surroundings(*this->module, device),
        buffers(*this->module) {}

  const std::shared_ptr<torch::nn::Module> module;
  const Forward forward;
  const at::Device device;
  const Surroundings surroundings;
  const Buffers buffers;
};

constexpr char kCall[] = "call";

struct ComputedTwice : torch::autograd::Function<ComputedTwice> {
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Call>& call,
                            const at::Tensor& input, at::TensorList parameters) {
    const auto version = input._version();
    // Cached casts of the weights would have no graph, and be found by those that need one.
    const Restoring<Autocast> cached(call->device.type());
    at::autocast::set_autocast_cache_enabled(false);
    at::Tensor output = call->forward(input);
    TORCH_CHECK(input._version() == version, "a checkpointed layer (", call->module->name(),
                ") has changed its input in place, and could not be computed again");
    variable_list saved = {input};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(saved));
    context->saved_data[kCall] = c10::IValue::make_capsule(call);
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto holder = context->saved_data.at(kCall).toCapsule();
    const Call& call = static_cast<const Call&>(*holder);
    TORCH_CHECK_NOT_IMPLEMENTED(
        !at::GradMode::is_enabled(), "a checkpointed layer (", call.module->name(),
        ") has no second derivative: call backward without create_graph, or "
        "do not checkpoint the layer");
    variable_list inputs = context->get_saved_variables();
    const variable_list parameters(inputs.begin() + 1, inputs.end());
    const bool with_input = inputs[0].requires_grad();
    inputs[0] = inputs[0].detach().set_requires_grad(with_input);
    const at::Tensor input = inputs[0];
    if (!with_input) inputs.erase(inputs.begin());

    // What the graph saves of a buffer must hold until it is differentiated.
    const Restoring<Buffers> buffers(*call.module);
    call.buffers.restore();
    const at::Tensor output = compute_again(call, input);
    variable_list result(parameters.size() + 2);
    if (!output.requires_grad()) return result;
    check_leaves(output, inputs, *call.module);
    const WithoutHooks without_hooks(parameters);
    variable_list found = torch::autograd::grad({output}, inputs, gradients,
                                                /*retain_graph=*/false, /*create_graph=*/false,
                                                /*allow_unused=*/true);
    std::move(found.begin(), found.end(), result.end() - static_cast<int64_t>(found.size()));
    return result;
  }

 private:
  static at::Tensor compute_again(const Call& call, const at::Tensor& input) {
    const Restoring<Surroundings> surroundings(*call.module, call.device);
    call.surroundings.restore();
    const OwnCasts own_casts;
    const at::AutoGradMode with_graph(true);
    return call.forward(input);
  }
};

at::Tensor call_checkpointed(const std::shared_ptr<torch::nn::Module>& module, Forward forward,
                             const at::Tensor& input) {
  if (!at::GradMode::is_enabled()) return forward(input);
  const variable_list parameters = trainable_parameters(*module);
  if (parameters.empty() && !input.requires_grad()) return forward(input);
  return ComputedTwice::apply(c10::make_intrusive<Call>(module, std::move(forward), input.device()),
                              input, at::TensorList(parameters));
}

template <typename Interface>
Interface& layer_of(torch::nn::Module& module) {
  auto* const layer = dynamic_cast<Interface*>(&module);
  TORCH_CHECK_TYPE(layer != nullptr, "only a Layer can be checkpointed, not ", module.name());
  return *layer;
}

// What a parent calls in the place of its child.
class Checkpointed final : public Layer {
 public:
  explicit Checkpointed(std::shared_ptr<torch::nn::Module> module)
      : module_(std::move(module)), layer_(layer_of<Layer>(*module_)) {}

  at::Tensor forward(const at::Tensor& input) override {
    return call_checkpointed(
        module_, [&layer = layer_](const at::Tensor& x) { return layer.forward(x); }, input);
  }

 private:
  const std::shared_ptr<torch::nn::Module> module_;
  Layer& layer_;
};

class CheckpointedWithMask final : public MaskedLayer {
 public:
  explicit CheckpointedWithMask(std::shared_ptr<torch::nn::Module> module)
      : module_(std::move(module)), layer_(layer_of<MaskedLayer>(*module_)) {}

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override {
    return call_checkpointed(
        module_, [&layer = layer_, mask](const at::Tensor& x) { return layer.forward(x, mask); },
        input);
  }

 private:
  const std::shared_ptr<torch::nn::Module> module_;
  MaskedLayer& layer_;
};

// Null where what is called `name` cannot be checkpointed.
SlotBase* layer_slot(const SlotOwner* owner, const std::string& name) {
  if (owner == nullptr) return nullptr;
  for (SlotBase* slot : owner->slots()) {
    if (slot->name() != name) continue;
    const bool is_layer = dynamic_cast<Slot<Layer>*>(slot) != nullptr ||
                          dynamic_cast<Slot<MaskedLayer>*>(slot) != nullptr;
    return is_layer ? slot : nullptr;
  }
  return nullptr;
}

void checkpoint(SlotBase& slot) {
  if (auto* const layer = dynamic_cast<Slot<Layer>*>(&slot)) {
    layer->wrap([](std::shared_ptr<torch::nn::Module> module) {
      return std::make_unique<Checkpointed>(std::move(module));
    });
  } else if (auto* const masked = dynamic_cast<Slot<MaskedLayer>*>(&slot)) {
    masked->wrap([](std::shared_ptr<torch::nn::Module> module) {
      return std::make_unique<CheckpointedWithMask>(std::move(module));
    });
  }
}

struct Search {
  const std::regex pattern;
  std::vector<std::string> found;
  std::vector<std::string> others;

  void visit(torch::nn::Module& module, const std::string& prefix) {
    const auto* const owner = dynamic_cast<const SlotOwner*>(&module);
    for (const auto& child : module.named_children()) {
      const std::string name = prefix + child.key();
      SlotBase* const slot = layer_slot(owner, child.key());
      if (slot != nullptr && std::regex_search(name, pattern)) {
        checkpoint(*slot);
        found.push_back(name);
        continue;
      }
      if (slot != nullptr) others.push_back(name);
      visit(*child.value(), name + ".");
    }
  }
};

absl::Status error(const std::string& pattern, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("\"", pattern, "\" ", problem));
}

}  // namespace

at::Tensor checkpointed(const std::shared_ptr<torch::nn::Module>& layer, const at::Tensor& input) {
  return Checkpointed(layer).forward(input);
}

absl::StatusOr<std::vector<std::string>> checkpoint_activations(torch::nn::Module& model,
                                                                const std::string& pattern) {
  std::regex expression;
  try {
    expression = std::regex(pattern);
  } catch (const std::regex_error& problem) {
    return error(pattern, absl::StrCat("is not a regular expression: ", problem.what()));
  }
  Search search{.pattern = std::move(expression)};
  search.visit(model, "");
  if (!search.found.empty()) return std::move(search.found);
  if (search.others.empty()) {
    return error(pattern, "finds no layer: the model has none that can be replaced (in a slot)");
  }
  return error(pattern,
               absl::StrCat("finds no layer; there are ", absl::StrJoin(search.others, ", ")));
}

}  // namespace composer
