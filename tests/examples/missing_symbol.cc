// A plugin that needs what no program has.

#include "composer/plugin.h"

void function_of_another_program();

void call() { function_of_another_program(); }

COMPOSER_PLUGIN();
