#pragma once

#include <c10/util/Exception.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace composer {

class SlotBase;

/// Mixed into a module whose children sit in slots.
class SlotOwner {
 public:
  SlotOwner() = default;
  // Slots point at their owner's children.
  SlotOwner(const SlotOwner&) = delete;
  SlotOwner& operator=(const SlotOwner&) = delete;

  const std::vector<SlotBase*>& slots() const { return slots_; }

 protected:
  ~SlotOwner() = default;

 private:
  friend class SlotBase;
  std::vector<SlotBase*> slots_;
};

/// A place for a child module that can be replaced. torch::nn's own `replace_module` changes the
/// registered child, but not what the parent's forward calls; a slot changes both.
class SlotBase {
 public:
  SlotBase(const SlotBase&) = delete;
  SlotBase& operator=(const SlotBase&) = delete;
  virtual ~SlotBase() = default;

  /// The child's name in its parent.
  const std::string& name() const { return name_; }
  const std::shared_ptr<torch::nn::Module>& module() const { return module_; }

  /// Whether `module` has the interface that the parent calls.
  virtual bool accepts(const torch::nn::Module& module) const = 0;

  /// Puts `module` in the child's place. False, and nothing changes, when it is not accepted.
  bool replace(std::shared_ptr<torch::nn::Module> module) {
    if (!bind(module)) return false;
    module_ = std::move(module);
    parent_.replace_module(name_, module_);
    return true;
  }

 protected:
  SlotBase(torch::nn::Module& parent, SlotOwner& owner, std::string name,
           std::shared_ptr<torch::nn::Module> module)
      : parent_(parent), name_(std::move(name)), module_(std::move(module)) {
    parent_.register_module(name_, module_);
    owner.slots_.push_back(this);
  }

 private:
  virtual bool bind(const std::shared_ptr<torch::nn::Module>& module) = 0;

  torch::nn::Module& parent_;
  const std::string name_;
  std::shared_ptr<torch::nn::Module> module_;
};

/// A slot whose child the parent calls by `Interface`:
///
///   class Mlp : public torch::nn::Module, public SlotOwner {
///     Slot<Layer> fc1_{*this, "fc1", make_layer<torch::nn::LinearImpl>(4, 3)};
///     ... fc1_->forward(input) ...
///
/// The child is registered under its name, so parameters are called as in PyTorch.
template <typename Interface>
class Slot final : public SlotBase {
 public:
  /// Makes of a child what the parent calls in its place.
  using Wrapper = std::function<std::unique_ptr<Interface>(std::shared_ptr<torch::nn::Module>)>;

  template <typename Parent, typename Module>
  Slot(Parent& parent, std::string name, std::shared_ptr<Module> module)
      : SlotBase(parent, parent, std::move(name), module), called_(module.get()) {}

  /// For a child of any type; throws a TypeError when it has not the interface.
  template <typename Parent>
  Slot(Parent& parent, std::string name, const std::shared_ptr<torch::nn::Module>& module)
      : SlotBase(parent, parent, std::move(name), module),
        called_(dynamic_cast<Interface*>(module.get())) {
    TORCH_CHECK_TYPE(called_ != nullptr, "\"", this->name(), "\" cannot be a ", module->name(),
                     ", which has not the interface that its parent calls");
  }

  Interface* operator->() const { return called_; }

  bool accepts(const torch::nn::Module& module) const override {
    return dynamic_cast<const Interface*>(&module) != nullptr;
  }

  /// From now on the parent calls what `wrapper` makes of the child, and of each that is put in its
  /// place. The child stays what `module` gives and what is registered: no name changes.
  void wrap(Wrapper wrapper) {
    wrapper_ = std::move(wrapper);
    bind(this->module());
  }

 private:
  bool bind(const std::shared_ptr<torch::nn::Module>& module) override {
    auto* const child = dynamic_cast<Interface*>(module.get());
    if (child == nullptr) return false;
    wrapped_ = wrapper_ ? wrapper_(module) : nullptr;
    called_ = wrapped_ ? wrapped_.get() : child;
    return true;
  }

  Wrapper wrapper_;
  std::unique_ptr<Interface> wrapped_;
  Interface* called_;
};

}  // namespace composer
