// The table of one ISA level, put together from its topics.
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {

void fill_table(Kernels& table) noexcept {
  table.level = FASTNET_LEVEL_NAME;
  fill_activation(table);
  fill_math(table);
  fill_discrete(table);
  fill_dropout(table);
  fill_expression(table);
  fill_random(table);
  fill_loss(table);
  fill_moments(table);
  fill_norm(table);
  fill_optimizer(table);
  fill_probe(table);
  fill_product(table);
  fill_quantized_bf16(table);
  fill_quantized_int8(table);
  fill_reduce(table);
  fill_softmax(table);
  fill_stream(table);
}

}  // namespace fastnet::FASTNET_LEVEL
