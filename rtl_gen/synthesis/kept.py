"""Modules that keep their boundary while yosys maps them to the cells of a chip.

Each distinct one is mapped once, however many instances it has, so a network of the published size takes a fraction of
the time; and every cell keeps the path of its instance in its name, by which it is counted.
"""

KEPT = (
    *("read_columns", "hidden_layer", "output_layer", "join_directions", "best_classes", "write_labels"),
    *("write_output", "control_registers", "dot", "cell_state"),
    *("serial_link", "uart_receiver", "uart_transmitter"),
)
"""The stages, and what has many equal instances.

All have registers at their boundary. What is mapped alone is made as fast as it can be, so the scripts tell ABC how slow a
path may be; without that, the stress design stress_w4a8_round takes 14 % (xc7) and 30 % (ecp5) more look-up tables than if
all is mapped at once, with it 7 % and 3 %.
"""
