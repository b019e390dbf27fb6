// The CRC-32 of bytes, as zlib computes it: polynomial 0x04C11DB7, bits in reverse order. `crc` is the register; its inverse
// is the checksum. After a message and the four bytes of its checksum, the lowest one first, it is 0xDEBB20E3.
//
// Latency: a byte counts from the next clock on.
module crc32 (
    input logic clk,
    input logic clear,  // no byte counts; has priority over `enable`
    input logic enable,
    input logic [7:0] value,
    output logic [31:0] crc
);
  localparam logic [31:0] POLYNOMIAL = 32'hEDB88320;

  logic [31:0] next;
  always_comb begin
    next = crc ^ 32'(value);
    for (int n = 0; n < 8; n++) next = (next >> 1) ^ (next[0] ? POLYNOMIAL : 32'd0);
  end

  always_ff @(posedge clk) begin
    if (clear) crc <= '1;
    else if (enable) crc <= next;
  end
endmodule
