#pragma once

namespace composer {

// What training_program tells of.
inline constexpr char kReady = 'r';
inline constexpr char kSaves = 's';

inline constexpr int kBatchesPerSave = 3;

}  // namespace composer
