#include "composer/data/device_loader.h"

#include <ATen/core/Tensor.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

#include "composer/data/transforms/image_transform.h"

namespace composer {

DeviceLoader::DeviceLoader(std::shared_ptr<DataLoader> loader, at::Device device)
    : loader_(std::move(loader)), device_(device) {
  if (device_.is_cpu()) return;
  const c10::impl::VirtualGuardImpl accelerator(device_.type());
  if (!device_.has_index()) device_ = accelerator.getDevice();
  stream_ = accelerator.getStreamFromGlobalPool(device_);
}

void DeviceLoader::seek(int64_t epoch, int64_t batch) {
  if (epoch == epoch_ && batch == batch_ && staged_) return;
  staged_.reset();
  loader_->seek(epoch, batch);
  epoch_ = epoch;
  batch_ = batch;
}

std::optional<Batch> DeviceLoader::next() {
  if (!staged_) staged_ = stage();
  Staged current = *std::exchange(staged_, std::nullopt);
  given_ = {loader_->state_dict(), loader_->skipped_samples()};
  if (!current.error && !current.batch) return std::nullopt;
  ++batch_;
  if (current.error) std::rethrow_exception(current.error);
  staged_ = stage();
  wait_for(current);
  return std::move(current.batch);
}

DeviceLoader::Staged DeviceLoader::stage() {
  Staged staged;
  try {
    // Someone else may use it, too.
    loader_->seek(epoch_, batch_);
    staged.batch = loader_->next();
    if (staged.batch && stream_) copy(staged);
  } catch (...) {
    staged.error = std::current_exception();
  }
  return staged;
}

void DeviceLoader::copy(Staged& staged) {
  const c10::StreamGuard on_stream(*stream_);
  Batch moved;
  for (const auto& [name, tensor] : *staged.batch) {
    if (!tensor.is_cpu()) {
      moved.set(name, tensor);
      continue;
    }
    const at::Tensor source = tensor.is_pinned() ? tensor : tensor.pin_memory();
    moved.set(name, source.to(device_, tensor.scalar_type(), /*non_blocking=*/true));
  }
  staged.copied.emplace(device_.type());
  staged.copied->record(*stream_);
  staged.batch = std::move(moved);
}

void DeviceLoader::wait_for(const Staged& staged) const {
  if (!staged.copied) return;
  const c10::Stream present = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  staged.copied->block(present);
  // The memory belongs to the other stream: it must not be used again before this one is done.
  for (const auto& [name, tensor] : *staged.batch) {
    if (tensor.device() == device_) tensor.record_stream(present);
  }
}

int64_t DeviceLoader::skipped_samples() const {
  return given_ ? given_->skipped_samples : loader_->skipped_samples();
}

absl::Status DeviceLoader::add_transform(std::shared_ptr<const ByteTransform> transform) {
  staged_.reset();
  return composer::add_transform(*loader_, std::move(transform));
}

StateDict DeviceLoader::state_dict() const {
  return given_ ? given_->state : loader_->state_dict();
}

absl::Status DeviceLoader::load_state_dict(const StateDict& state) {
  staged_.reset();
  given_.reset();
  return loader_->load_state_dict(state);
}

std::shared_ptr<DataLoader> on_device(std::shared_ptr<DataLoader> loader, at::Device device) {
  if (loader == nullptr || device.is_cpu()) return loader;
  return std::make_shared<DeviceLoader>(std::move(loader), device);
}

}  // namespace composer
