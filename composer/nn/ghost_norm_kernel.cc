#include "composer/nn/ghost_norm_kernel.h"

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "composer/base/run_vectorised.h"

namespace composer {
namespace {

// Values that a loop takes at once, or one of each channel where those are more.
constexpr int64_t kLanes = 128;
// Values that a lane adds up in their own precision before sums go on in double.
constexpr int64_t kValuesOfLane = 32;
constexpr int64_t kValuesPerThread = 1 << 15;

// Values that are normalised together: a part in one channel where the positions of a channel lie
// beside each other, else a part in all channels. They are in `pieces` of `length` values, every
// `stride` of them, and value i of a piece is of channel i % channels.
struct Group {
  int64_t part = 0;
  int64_t first_channel = 0;
  int64_t channels = 1;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t pieces = 0;
  int64_t stride = 0;
  int64_t length = 0;
  int64_t pieces_of_block = 1;
  // A multiple of the channels by a power of two.
  int64_t lanes = 0;

  int64_t blocks() const { return (pieces + pieces_of_block - 1) / pieces_of_block; }
  int64_t values_of_block() const { return pieces_of_block * length; }
};

Group group_of(const BatchInParts& batch, int64_t index) {
  const int64_t part = batch.channels_last ? index : index / batch.channels;
  const int64_t sample = batch.channels * batch.positions;
  const int64_t samples = batch.samples_of(part);
  Group group{.part = part, .begin = part * batch.part_size * sample};
  group.lanes = 1;
  if (batch.channels_last) {
    group.channels = group.lanes = batch.channels;
  } else {
    group.first_channel = index % batch.channels;
    group.begin += group.first_channel * batch.positions;
  }
  while (group.lanes * 2 <= kLanes) group.lanes *= 2;
  if (batch.channels_last) {
    group.length = group.stride = kValuesOfLane * group.lanes;
    group.pieces = (samples * sample + group.length - 1) / group.length;
    group.end = group.begin + samples * sample;
  } else {
    group.length = batch.positions;
    group.stride = sample;
    group.pieces = samples;
    group.end = group.begin + (samples - 1) * sample + batch.positions;
    const int64_t values_of_lane = (group.length + group.lanes - 1) / group.lanes;
    group.pieces_of_block = std::max<int64_t>(1, kValuesOfLane / values_of_lane);
  }
  return group;
}

// Calls `work(i)` for each i below `count`, for about `values` values each.
template <typename Work>
void for_each(int64_t count, int64_t values, bool parallel, const Work& work) {
  const int64_t grain = parallel ? std::max<int64_t>(1, kValuesPerThread / values) : count;
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) work(i);
  });
}

// Threads take groups, or blocks of one group after the other where groups are few.
template <typename Work>
void for_each_group(const BatchInParts& batch, const Work& work) {
  const int64_t groups = batch.parts() * (batch.channels_last ? 1 : batch.channels);
  const int64_t values = batch.samples * batch.channels * batch.positions;
  if (groups < at::get_num_threads()) {
    for (int64_t i = 0; i < groups; ++i) work(group_of(batch, i), /*parallel=*/true);
    return;
  }
  for_each(groups, std::max<int64_t>(1, values / groups), /*parallel=*/true,
           [&](int64_t i) { work(group_of(batch, i), /*parallel=*/false); });
}

// Calls `row(at, count)` for the values of a block of pieces, `lanes` at a time.
template <typename Row>
void walk_rows(const Group& group, int64_t block, const Row& row) {
  const int64_t first = block * group.pieces_of_block;
  const int64_t last = std::min(first + group.pieces_of_block, group.pieces);
  for (int64_t piece = first; piece < last; ++piece) {
    const int64_t begin = group.begin + piece * group.stride;
    const int64_t end = std::min(begin + group.length, group.end);
    for (int64_t at = begin; at < end; at += group.lanes) row(at, std::min(group.lanes, end - at));
  }
}

// Adds up `term(at, lane)` of a block in each channel.
template <typename M, typename Term>
void sum_block(const Group& group, int64_t block, const Term& given, double* channel_sums) {
  std::vector<M> lane_sums(group.lanes);
  run_vectorised([&] {
    const Term term = given;
    M* const sums = lane_sums.data();
    walk_rows(group, block, [&](int64_t at, int64_t count) {
#pragma GCC ivdep
      for (int64_t lane = 0; lane < count; ++lane) sums[lane] += term(at + lane, lane);
    });
    for (int64_t half = group.lanes / 2; half >= group.channels; half /= 2) {
#pragma GCC ivdep
      for (int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
    }
    for (int64_t channel = 0; channel < group.channels; ++channel) {
      channel_sums[channel] = sums[channel];
    }
  });
}

// The sum of each of `terms` in each channel, one term after the other.
template <typename M, typename... Terms>
std::vector<double> sum_group(const Group& group, bool parallel, const Terms&... terms) {
  const int64_t width = static_cast<int64_t>(sizeof...(Terms)) * group.channels;
  std::vector<double> of_blocks(group.blocks() * width);
  for_each(group.blocks(), group.values_of_block(), parallel, [&](int64_t block) {
    double* sums = of_blocks.data() + block * width;
    ((sum_block<M>(group, block, terms, sums), sums += group.channels), ...);
  });
  std::vector<double> sums(width);
  for (size_t i = 0; i < of_blocks.size(); ++i) sums[i % width] += of_blocks[i];
  return sums;
}

// Calls `step(at, lane)` for each value.
template <typename Step>
void walk_group(const Group& group, bool parallel, const Step& given) {
  for_each(group.blocks(), group.values_of_block(), parallel, [&](int64_t block) {
    run_vectorised([&] {
      const Step step = given;
      walk_rows(group, block, [&](int64_t at, int64_t count) {
#pragma GCC ivdep
        for (int64_t lane = 0; lane < count; ++lane) step(at + lane, lane);
      });
    });
  });
}

// `of(channel)` for each lane.
template <typename M, typename Of>
std::vector<M> in_lanes(const Group& group, const Of& of) {
  std::vector<M> lanes(group.lanes);
  for (int64_t lane = 0; lane < group.lanes; ++lane) {
    lanes[lane] = static_cast<M>(lane < group.channels ? of(lane) : lanes[lane - group.channels]);
  }
  return lanes;
}

template <typename M>
const M* values_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<M>() : nullptr;
}

template <typename M>
M* mutable_values_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<M>() : nullptr;
}

}  // namespace

void normalise_parts(const BatchInParts& batch, const at::Tensor& input, const at::Tensor& weight,
                     const at::Tensor& bias, double eps, const at::Tensor& output,
                     const at::Tensor& mean, const at::Tensor& var) {
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, input.scalar_type(), "normalise_parts", [&] {
        using M = at::opmath_type<scalar_t>;
        const scalar_t* const x = input.const_data_ptr<scalar_t>();
        scalar_t* const y = output.mutable_data_ptr<scalar_t>();
        const M *const weights = values_of<M>(weight), *const biases = values_of<M>(bias);
        M *const means = mean.mutable_data_ptr<M>(), *const vars = var.mutable_data_ptr<M>();
        for_each_group(batch, [&](const Group& group, bool parallel) {
          const auto count = static_cast<double>(batch.samples_of(group.part) * batch.positions);
          const int64_t first = group.part * batch.channels + group.first_channel;
          const std::vector<double> sums = sum_group<M>(
              group, parallel, [x](int64_t at, int64_t) { return static_cast<M>(x[at]); });
          const std::vector<M> centres =
              in_lanes<M>(group, [&](int64_t channel) { return sums[channel] / count; });
          const std::vector<double> squares =
              sum_group<M>(group, parallel, [x, m = centres.data()](int64_t at, int64_t lane) {
                const M centred = static_cast<M>(x[at]) - m[lane];
                return centred * centred;
              });
          const std::vector<M> scales = in_lanes<M>(group, [&](int64_t channel) {
            const double factor = weights ? weights[group.first_channel + channel] : 1.0;
            return factor / std::sqrt(squares[channel] / count + eps);
          });
          const std::vector<M> shifts = in_lanes<M>(group, [&](int64_t channel) {
            return biases ? biases[group.first_channel + channel] : M(0);
          });
          for (int64_t channel = 0; channel < group.channels; ++channel) {
            means[first + channel] = centres[channel];
            vars[first + channel] = static_cast<M>(squares[channel] / (count - 1));
          }
          walk_group(group, parallel,
                     [x, y, m = centres.data(), a = scales.data(), b = shifts.data()](
                         int64_t at, int64_t lane) {
                       const M centred = static_cast<M>(x[at]) - m[lane];
                       y[at] = static_cast<scalar_t>(centred * a[lane] + b[lane]);
                     });
        });
      });
}

void normalise_parts_backward(const BatchInParts& batch, const at::Tensor& gradient,
                              const at::Tensor& input, const at::Tensor& weight,
                              const at::Tensor& mean, const at::Tensor& var, double eps,
                              const at::Tensor& input_gradient, const at::Tensor& weight_gradient,
                              const at::Tensor& bias_gradient) {
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, input.scalar_type(), "normalise_parts_backward", [&] {
        using M = at::opmath_type<scalar_t>;
        const scalar_t* const x = input.const_data_ptr<scalar_t>();
        const scalar_t* const dy = gradient.const_data_ptr<scalar_t>();
        scalar_t* const dx = mutable_values_of<scalar_t>(input_gradient);
        const M *const weights = values_of<M>(weight), *const means = mean.const_data_ptr<M>(),
                       *const vars = var.const_data_ptr<M>();
        std::vector<double> of_weight(batch.parts() * batch.channels);
        std::vector<double> of_bias(of_weight.size());
        for_each_group(batch, [&](const Group& group, bool parallel) {
          const auto count = static_cast<double>(batch.samples_of(group.part) * batch.positions);
          const int64_t first = group.part * batch.channels + group.first_channel;
          const std::vector<M> centres =
              in_lanes<M>(group, [&](int64_t channel) { return means[first + channel]; });
          const std::vector<double> sums = sum_group<M>(
              group, parallel, [dy](int64_t at, int64_t) { return static_cast<M>(dy[at]); },
              [x, dy, m = centres.data()](int64_t at, int64_t lane) {
                return static_cast<M>(dy[at]) * (static_cast<M>(x[at]) - m[lane]);
              });
          const auto inverse = [&](int64_t channel) {
            return 1 / std::sqrt(vars[first + channel] * ((count - 1) / count) + eps);
          };
          for (int64_t channel = 0; channel < group.channels; ++channel) {
            of_bias[first + channel] = sums[channel];
            of_weight[first + channel] = sums[group.channels + channel] * inverse(channel);
          }
          if (dx == nullptr) return;
          const std::vector<M> scales = in_lanes<M>(group, [&](int64_t channel) {
            return (weights ? weights[group.first_channel + channel] : 1.0) * inverse(channel);
          });
          const std::vector<M> shifts =
              in_lanes<M>(group, [&](int64_t channel) { return sums[channel] / count; });
          const std::vector<M> slopes = in_lanes<M>(group, [&](int64_t channel) {
            return sums[group.channels + channel] / count * inverse(channel) * inverse(channel);
          });
          walk_group(group, parallel,
                     [x, dy, dx, m = centres.data(), a = scales.data(), b = shifts.data(),
                      c = slopes.data()](int64_t at, int64_t lane) {
                       const M centred = static_cast<M>(x[at]) - m[lane];
                       dx[at] = static_cast<scalar_t>(
                           (static_cast<M>(dy[at]) - b[lane] - centred * c[lane]) * a[lane]);
                     });
        });
        const auto add_parts = [&](const std::vector<double>& of_parts, const at::Tensor& total) {
          if (!total.defined()) return;
          for (int64_t channel = 0; channel < batch.channels; ++channel) {
            double sum = 0;
            for (int64_t part = 0; part < batch.parts(); ++part) {
              sum += of_parts[part * batch.channels + channel];
            }
            total.mutable_data_ptr<M>()[channel] = static_cast<M>(sum);
          }
        };
        add_parts(of_weight, weight_gradient);
        add_parts(of_bias, bias_gradient);
      });
}

}  // namespace composer
