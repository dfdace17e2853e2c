#pragma once

namespace CLI {
class App;
}

namespace composer {

// Each adds one subcommand to the command line. When it is the one that was chosen, it runs while
// the arguments are parsed, and `exit_code` holds one of exit_codes.h afterwards.

/// composer train CONFIG [--resume] [field=value ...]
void add_train(CLI::App& app, int& exit_code);
/// composer verify-resume CONFIG --at=TIME [field=value ...]
void add_verify_resume(CLI::App& app, int& exit_code);
/// composer eval CONFIG weights=FILE [field=value ...]
void add_eval(CLI::App& app, int& exit_code);
/// composer predict CONFIG weights=FILE --output FILE [field=value ...]
void add_predict(CLI::App& app, int& exit_code);
/// composer replay DIR [field=value ...]
void add_replay(CLI::App& app, int& exit_code);
/// composer import CHECKPOINT.pt OUT.safetensors [--key KEY] [--rename 'PATTERN=>REPLACEMENT']
void add_import(CLI::App& app, int& exit_code);
/// composer export MODEL.safetensors OUT.pt [--rename 'PATTERN=>REPLACEMENT']
void add_export(CLI::App& app, int& exit_code);
/// composer check CONFIG [field=value ...]
void add_check(CLI::App& app, int& exit_code);
/// composer list [KIND]
void add_list(CLI::App& app, int& exit_code);
/// composer describe NAME
void add_describe(CLI::App& app, int& exit_code);

}  // namespace composer
