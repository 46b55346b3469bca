// The table of one ISA level, put together from its topics.
#include "kernels/table.hpp"

#define FASTNET_STRING_OF(x) #x
#define FASTNET_STRING(x) FASTNET_STRING_OF(x)

namespace fastnet::FASTNET_LEVEL {

void fill_table(Kernels& table) noexcept {
  table.level = FASTNET_STRING(FASTNET_LEVEL);
  fill_activation(table);
  fill_math(table);
  fill_dropout(table);
  fill_expression(table);
  fill_random(table);
  fill_loss(table);
  fill_moments(table);
  fill_norm(table);
  fill_optimizer(table);
  fill_probe(table);
  fill_product(table);
  fill_reduce(table);
  fill_softmax(table);
}

}  // namespace fastnet::FASTNET_LEVEL
