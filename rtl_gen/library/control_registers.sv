// Registers of the accelerator: an AXI4-Lite slave with the published overlay's register map and a status register.
//
//   0x00         control: bit 0 ap_start, bit 1 ap_done, bit 2 ap_idle, bit 3 ap_ready
//   0x10         columns T of the line
//   0x18         2 * T
//   0x20         bytes to read
//   0x28, 0x2C   address of the input buffer, low and high 32 bits
//   0x34, 0x38   address of the output buffer, low and high 32 bits
//   0x40         status of the last line, read only: bit 0 refused, bit 1 read error, bit 2 write error
//
// A read of control clears ap_done and ap_ready; so does the next ap_start. ap_start reads 1 while a line is running.
// While a line is running, writes have no effect. Other offsets read 0 and take no value; every answer is OKAY.
//
// Latency: a write has its effect one clock after the later one of its address and its data was accepted, and its
// response is valid in the next clock, in which `start` is high and ap_idle is low. A read's data is valid one clock
// after its address was accepted. ap_done reads 1 from the clock after `done`.
module control_registers (
    input logic clk,
    input logic rst,

    input  logic [ 6:0] awaddr,
    input  logic        awvalid,
    output logic        awready,
    input  logic [31:0] wdata,
    input  logic [ 3:0] wstrb,
    input  logic        wvalid,
    output logic        wready,
    output logic [ 1:0] bresp,
    output logic        bvalid,
    input  logic        bready,
    input  logic [ 6:0] araddr,
    input  logic        arvalid,
    output logic        arready,
    output logic [31:0] rdata,
    output logic [ 1:0] rresp,
    output logic        rvalid,
    input  logic        rready,

    output logic        start,           // high for one clock, the first one of a line
    output logic [31:0] columns,
    output logic [31:0] columns_twice,
    output logic [31:0] bytes,
    output logic [63:0] input_address,
    output logic [63:0] output_address,
    input  logic        done,            // high for one clock, the last one of a line
    input  logic        refused,
    input  logic        read_error,
    input  logic        write_error
);
  localparam logic [6:0] WORD = 7'h7C;  // the bits of an address that choose a register
  localparam logic [6:0] CONTROL = 7'h00;
  localparam logic [6:0] COLUMNS = 7'h10;
  localparam logic [6:0] COLUMNS_TWICE = 7'h18;
  localparam logic [6:0] BYTES = 7'h20;
  localparam logic [6:0] INPUT_LOW = 7'h28;
  localparam logic [6:0] INPUT_HIGH = 7'h2C;
  localparam logic [6:0] OUTPUT_LOW = 7'h34;
  localparam logic [6:0] OUTPUT_HIGH = 7'h38;
  localparam logic [6:0] STATUS = 7'h40;

  logic running;  // from the clock of `start` to that of `done`
  logic finished;  // ap_done, and ap_ready too

  // Writes: address and data are held, whichever comes first, until both are there and the last response was taken.
  logic address_held, address_held_next, data_held, data_held_next, write, starts;
  logic [6:0] write_offset;
  logic [31:0] write_data, mask;
  logic [3:0] write_strobe;

  assign write = address_held && data_held && (!bvalid || bready);
  assign address_held_next = (address_held || (awvalid && awready)) && !write;
  assign data_held_next = (data_held || (wvalid && wready)) && !write;
  assign starts = write && !running && write_offset == CONTROL && write_strobe[0] && write_data[0];
  assign mask = {{8{write_strobe[3]}}, {8{write_strobe[2]}}, {8{write_strobe[1]}}, {8{write_strobe[0]}}};
  assign bresp = 2'b00;

  always_ff @(posedge clk) begin
    address_held <= address_held_next && !rst;
    data_held    <= data_held_next && !rst;
    awready      <= !address_held_next && !rst;
    wready       <= !data_held_next && !rst;
    bvalid       <= (write || (bvalid && !bready)) && !rst;
    start        <= starts && !rst;
    if (awready) write_offset <= awaddr & WORD;
    if (wready) begin
      write_data   <= wdata;
      write_strobe <= wstrb;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      columns        <= 32'd0;
      columns_twice  <= 32'd0;
      bytes          <= 32'd0;
      input_address  <= 64'd0;
      output_address <= 64'd0;
    end else if (write && !running) begin
      case (write_offset)
        COLUMNS: columns <= (write_data & mask) | (columns & ~mask);
        COLUMNS_TWICE: columns_twice <= (write_data & mask) | (columns_twice & ~mask);
        BYTES: bytes <= (write_data & mask) | (bytes & ~mask);
        INPUT_LOW: input_address[31:0] <= (write_data & mask) | (input_address[31:0] & ~mask);
        INPUT_HIGH: input_address[63:32] <= (write_data & mask) | (input_address[63:32] & ~mask);
        OUTPUT_LOW: output_address[31:0] <= (write_data & mask) | (output_address[31:0] & ~mask);
        OUTPUT_HIGH: output_address[63:32] <= (write_data & mask) | (output_address[63:32] & ~mask);
        default: ;
      endcase
    end
  end

  // Reads: one at a time.
  logic read, read_pending;
  logic [6:0] read_offset;

  assign read = arvalid && arready;
  assign read_pending = read || (rvalid && !rready);
  assign read_offset = araddr & WORD;
  assign rresp = 2'b00;

  always_ff @(posedge clk) begin
    rvalid  <= read_pending && !rst;
    arready <= !read_pending && !rst;
    if (read) begin
      case (read_offset)
        CONTROL: rdata <= {28'd0, finished, !running, finished, running};
        COLUMNS: rdata <= columns;
        COLUMNS_TWICE: rdata <= columns_twice;
        BYTES: rdata <= bytes;
        INPUT_LOW: rdata <= input_address[31:0];
        INPUT_HIGH: rdata <= input_address[63:32];
        OUTPUT_LOW: rdata <= output_address[31:0];
        OUTPUT_HIGH: rdata <= output_address[63:32];
        STATUS: rdata <= {29'd0, write_error, read_error, refused};
        default: rdata <= 32'd0;
      endcase
    end
  end

  // A `done` in the clock of a read is not lost.
  always_ff @(posedge clk) begin
    if (rst) begin
      running  <= 1'b0;
      finished <= 1'b0;
    end else begin
      if (starts) running <= 1'b1;
      else if (done) running <= 1'b0;
      if (done) finished <= 1'b1;
      else if (starts || (read && read_offset == CONTROL)) finished <= 1'b0;
    end
  end
endmodule
