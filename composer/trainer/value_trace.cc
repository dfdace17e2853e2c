#include "composer/trainer/value_trace.h"

#include <ATen/Dispatch.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace composer {
namespace {

bool has_values(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.is_floating_point() &&
         !tensor.is_meta() && tensor.has_storage();
}

// Their outputs are memory as it was found.
bool allocates_only(absl::string_view op) {
  static const std::set<absl::string_view> kNames = {
      "aten::empty",          "aten::empty_like", "aten::empty_strided",
      "aten::empty_permuted", "aten::new_empty",  "aten::new_empty_strided",
      "aten::resize_",        "aten::resize_as_", "aten::_resize_output_"};
  return kNames.count(op) > 0;
}

// They write their first argument without reading it.
bool overwrites_first(absl::string_view op) {
  static const std::set<absl::string_view> kNames = {
      "aten::copy_",          "aten::fill_",         "aten::zero_",      "aten::set_",
      "aten::normal_",        "aten::random_",       "aten::uniform_",   "aten::bernoulli_",
      "aten::exponential_",   "aten::cauchy_",       "aten::geometric_", "aten::log_normal_",
      "aten::_foreach_zero_", "aten::_foreach_copy_"};
  return kNames.count(op) > 0;
}

void append_tensors(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
  if (value.isTensor()) {
    tensors.push_back(value.toTensor());
  } else if (value.isTensorList()) {
    for (at::Tensor& tensor : value.toTensorVector()) tensors.push_back(std::move(tensor));
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) append_tensors(element, tensors);
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) {
      append_tensors(element, tensors);
    }
  }
}

// What runs in this thread, outermost first.
thread_local std::vector<std::string> running_ops;
thread_local std::vector<std::string> running_nodes;

}  // namespace

TensorSummary summarise(const at::Tensor& tensor) {
  TensorSummary summary;
  summary.dtype = c10::getDtypeNames(tensor.scalar_type()).first;
  summary.shape = tensor.sizes().vec();
  if (!has_values(tensor)) return summary;
  const at::NoGradGuard no_grad;
  const at::Tensor values = tensor.detach().cpu().contiguous();
  double min = std::numeric_limits<double>::infinity(), max = -min;
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, values.scalar_type(), "summarise", [&] {
    const scalar_t* const data = values.const_data_ptr<scalar_t>();
    for (int64_t i = 0; i < values.numel(); ++i) {
      const auto value = static_cast<double>(data[i]);
      if (std::isfinite(value)) {
        ++summary.finite_values;
        min = std::min(min, value);
        max = std::max(max, value);
      } else if (std::isnan(value)) {
        ++summary.nans;
      } else {
        ++summary.infinities;
      }
    }
  });
  if (summary.finite_values > 0) {
    summary.min = min;
    summary.max = max;
  }
  return summary;
}

struct ValueTrace::Implementation {
  struct Origin {
    BadValue value;
    // Of the infinity that became this NaN.
    std::optional<size_t> cause;
  };
  // A memory that holds bad values. It is kept, so that no other comes to lie at its address.
  struct Tainted {
    c10::Storage storage;
    size_t origin;
    // When, in origins and marks.
    int64_t time;
  };
  // An operator that runs.
  struct Call final : at::ObserverContext {
    bool is_node = false;
    std::string op;
    std::vector<std::string> callers;
    std::vector<at::Tensor> inputs;
    std::vector<TensorSummary> summaries;
    // What it writes into.
    std::vector<at::Tensor> written;
    int64_t started = 0;
    size_t origins_before = 0;
  };

  static std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function);
  static void end(const at::RecordFunction& function, at::ObserverContext* context);

  std::unique_ptr<Call> begin(const at::RecordFunction& function);
  void finish(const Call& call, std::vector<at::Tensor> outputs);
  size_t origin_for(const Call& call, const TensorSummary& output);
  std::optional<size_t> known_origin(const at::Tensor& tensor) const;
  void taint(const at::Tensor& tensor, size_t origin);
  std::string name_of(const at::Tensor& tensor) const;

  // Backward passes run in threads of their own for each device.
  mutable std::mutex mutex;
  std::map<const void*, std::string> names;
  std::map<const void*, Tainted> tainted;
  std::vector<Origin> origins;
  std::string phase;
  int64_t time = 0;
  at::CallbackHandle handle = 0;
};

namespace {

// RecordFunction's callbacks are plain functions.
std::atomic<void*> active_trace = nullptr;

}  // namespace

std::unique_ptr<at::ObserverContext> ValueTrace::Implementation::start(
    const at::RecordFunction& function) {
  auto* const trace = static_cast<Implementation*>(active_trace.load());
  if (trace == nullptr) return nullptr;
  const at::DisableRecordFunctionGuard not_ourselves;
  if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    running_nodes.emplace_back(function.name());
    auto call = std::make_unique<Call>();
    call->is_node = true;
    return call;
  }
  auto call = trace->begin(function);
  running_ops.push_back(call->op);
  return call;
}

void ValueTrace::Implementation::end(const at::RecordFunction& function,
                                     at::ObserverContext* context) {
  if (context == nullptr) return;
  const at::DisableRecordFunctionGuard not_ourselves;
  const auto& call = *static_cast<const Call*>(context);
  std::vector<std::string>& running = call.is_node ? running_nodes : running_ops;
  if (!running.empty()) running.pop_back();
  auto* const trace = static_cast<Implementation*>(active_trace.load());
  if (call.is_node || trace == nullptr || allocates_only(call.op)) return;
  std::vector<at::Tensor> outputs;
  for (const c10::IValue& output : function.outputs()) append_tensors(output, outputs);
  trace->finish(call, std::move(outputs));
}

std::unique_ptr<ValueTrace::Implementation::Call> ValueTrace::Implementation::begin(
    const at::RecordFunction& function) {
  auto call = std::make_unique<Call>();
  call->op = function.name();
  call->callers = running_ops;
  const std::optional<c10::FunctionSchema> schema = function.operator_schema();
  const c10::ArrayRef<const c10::IValue> arguments = function.inputs();
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::vector<at::Tensor> tensors;
    append_tensors(arguments[i], tensors);
    bool is_read = true;
    if (schema && i < schema->arguments().size()) {
      const c10::Argument& argument = schema->arguments()[i];
      const bool is_written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
      if (is_written) call->written.insert(call->written.end(), tensors.begin(), tensors.end());
      is_read = !argument.is_out() && !(is_written && i == 0 && overwrites_first(call->op));
    }
    if (is_read) call->inputs.insert(call->inputs.end(), tensors.begin(), tensors.end());
  }
  const std::lock_guard<std::mutex> lock(mutex);
  for (const at::Tensor& input : call->inputs) {
    if (!input.defined()) continue;
    TensorSummary& summary = call->summaries.emplace_back(summarise(input));
    summary.name = name_of(input);
  }
  call->started = ++time;
  call->origins_before = origins.size();
  return call;
}

void ValueTrace::Implementation::finish(const Call& call, std::vector<at::Tensor> outputs) {
  outputs.insert(outputs.end(), call.written.begin(), call.written.end());
  const std::lock_guard<std::mutex> lock(mutex);
  for (const at::Tensor& output : outputs) {
    if (!has_values(output)) continue;
    const TensorSummary summary = summarise(output);
    const void* const memory = output.storage().unsafeGetStorageImpl();
    const auto known = tainted.find(memory);
    if (summary.finite()) {
      const bool is_all = output.nbytes() == output.storage().nbytes();
      if (known != tainted.end() && is_all) tainted.erase(known);
      continue;
    }
    // An operator that this one called has marked it already.
    if (known != tainted.end() && known->second.time > call.started) continue;
    // A view of memory that was never filled, or of bad values that are known.
    const bool is_view =
        std::any_of(call.inputs.begin(), call.inputs.end(), [&](const at::Tensor& input) {
          return has_values(input) && input.storage().unsafeGetStorageImpl() == memory;
        });
    const bool is_written =
        std::any_of(call.written.begin(), call.written.end(), [&](const at::Tensor& input) {
          return has_values(input) && input.storage().unsafeGetStorageImpl() == memory;
        });
    if (is_view && !is_written) continue;
    taint(output, origin_for(call, summary));
  }
}

size_t ValueTrace::Implementation::origin_for(const Call& call, const TensorSummary& output) {
  std::optional<size_t> nan, infinity;
  size_t position = 0;
  for (const at::Tensor& input : call.inputs) {
    if (!input.defined()) continue;
    const TensorSummary& summary = call.summaries[position++];
    if (summary.finite()) continue;
    const std::optional<size_t> origin = known_origin(input);
    if (!origin) continue;
    std::optional<size_t>& earliest = summary.nans > 0 ? nan : infinity;
    earliest = std::min(*origin, earliest.value_or(*origin));
  }
  if (nan) return *nan;
  if (infinity && output.nans == 0) return *infinity;
  // One that it called made it, in memory of its own.
  if (origins.size() > call.origins_before) return origins.size() - 1;
  BadValue value;
  value.op = call.op;
  value.callers = call.callers;
  value.phase = running_nodes.empty() ? phase : "backward";
  if (!running_nodes.empty()) value.backward_node = running_nodes.back();
  value.nan = output.nans > 0;
  value.inputs = call.summaries;
  origins.push_back({std::move(value), infinity});
  return origins.size() - 1;
}

std::optional<size_t> ValueTrace::Implementation::known_origin(const at::Tensor& tensor) const {
  if (!has_values(tensor)) return std::nullopt;
  const auto found = tainted.find(tensor.storage().unsafeGetStorageImpl());
  if (found == tainted.end()) return std::nullopt;
  return found->second.origin;
}

void ValueTrace::Implementation::taint(const at::Tensor& tensor, size_t origin) {
  const c10::Storage& storage = tensor.storage();
  tainted.insert_or_assign(storage.unsafeGetStorageImpl(), Tainted{storage, origin, ++time});
}

std::string ValueTrace::Implementation::name_of(const at::Tensor& tensor) const {
  if (!has_values(tensor)) return "";
  const auto found = names.find(tensor.storage().unsafeGetStorageImpl());
  return found == names.end() ? "" : found->second;
}

ValueTrace::ValueTrace() : implementation_(std::make_unique<Implementation>()) {
  TORCH_CHECK(active_trace.load() == nullptr, "there is a ValueTrace already");
  active_trace = implementation_.get();
  implementation_->handle = at::addGlobalCallback(
      at::RecordFunctionCallback(&Implementation::start, &Implementation::end)
          .needsInputs(true)
          .needsOutputs(true)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}

ValueTrace::~ValueTrace() {
  at::removeCallback(implementation_->handle);
  active_trace = nullptr;
}

void ValueTrace::name(const at::Tensor& tensor, const std::string& name) {
  if (!has_values(tensor)) return;
  const at::DisableRecordFunctionGuard not_ourselves;
  const std::lock_guard<std::mutex> lock(implementation_->mutex);
  implementation_->names[tensor.storage().unsafeGetStorageImpl()] = name;
  TensorSummary summary = summarise(tensor);
  if (summary.finite()) return;
  summary.name = name;
  BadValue value;
  value.phase = "start";
  value.nan = summary.nans > 0;
  value.inputs = {std::move(summary)};
  implementation_->origins.push_back({std::move(value), std::nullopt});
  implementation_->taint(tensor, implementation_->origins.size() - 1);
}

void ValueTrace::set_phase(absl::string_view phase) {
  const std::lock_guard<std::mutex> lock(implementation_->mutex);
  implementation_->phase = std::string(phase);
}

std::vector<BadValue> ValueTrace::origin_of(const std::vector<at::Tensor>& tensors) const {
  const at::DisableRecordFunctionGuard not_ourselves;
  const std::lock_guard<std::mutex> lock(implementation_->mutex);
  std::optional<size_t> earliest;
  for (const at::Tensor& tensor : tensors) {
    if (!has_values(tensor) || summarise(tensor).finite()) continue;
    const std::optional<size_t> origin = implementation_->known_origin(tensor);
    if (origin) earliest = std::min(*origin, earliest.value_or(*origin));
  }
  std::vector<BadValue> chain;
  for (std::optional<size_t> at = earliest; at; at = implementation_->origins[*at].cause) {
    chain.insert(chain.begin(), implementation_->origins[*at].value);
  }
  return chain;
}

}  // namespace composer
