// Frames of a host on a serial line, in place of the accelerator's buses: a request with the column records of a line goes
// to `recognise` record by record as it comes, and the answer has the labels. docs/ecp5.md has the frames byte by byte.
//
// Whatever goes wrong, the host gets an answer with a status. A fault within a request resets `recognise`, and bytes are
// dropped until the line has been idle for GAP_CLOCKS; then the answer is sent. A request that stops in the middle is such
// a fault, GAP_CLOCKS after its last byte.
//
// One record can wait for `recognise`, which must have taken it when the next one is complete, the time of RECORD_BYTES
// bytes later. Else the status is OVERFLOW.
//
// Latency: the last byte of a record to column_valid 2 clocks. The last byte of a request to the first byte of the answer
// 13 clocks if the answer is known, else found_valid to it 11 clocks.
module serial_link #(
    parameter int RECORD_BYTES = 1,
    parameter int MAX_COLUMNS = 2,
    parameter int MAX_LABELS = 1,
    parameter int GAP_CLOCKS = 1000,
    parameter logic [255:0] DIGEST = '0,  // of the network; byte n at bit 8 * n
    parameter int LABEL_ADDRESS_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1
) (
    input logic clk,
    input logic rst,

    // Bytes of the host, as from `uart_receiver`, at least 16 clocks apart.
    input logic line_idle,
    input logic come,
    input logic broken,
    input logic [7:0] come_value,

    // Bytes to the host, as to `uart_transmitter`.
    output logic send,
    input logic send_ready,
    output logic [7:0] send_value,

    // `recognise`
    output logic abandon,  // a reset
    output logic start,
    output logic [15:0] columns,
    output logic column_valid,
    input logic column_ready,
    output logic [8*RECORD_BYTES-1:0] column,
    input logic found_valid,
    input logic [15:0] found,
    output logic [LABEL_ADDRESS_BITS-1:0] label_address,
    input logic [7:0] label,  // two clocks after its address

    output logic receiving,
    output logic computing,
    output logic answering,
    output logic [3:0] status  // of the latest answer
);
  localparam logic [7:0] VERSION = 8'd1;  // of the frames
  localparam logic [7:0] REQUEST_START = 8'h46;
  localparam logic [7:0] ANSWER_START = 8'h66;
  localparam logic [7:0] IDENTIFY = 8'd1;
  localparam logic [7:0] LINE = 8'd2;

  localparam logic [3:0] OKAY = 4'd0;
  localparam logic [3:0] REFUSED = 4'd1;  // the number of columns is out of range
  localparam logic [3:0] CHECKSUM = 4'd2;
  localparam logic [3:0] CUT = 4'd3;  // the request stops in the middle
  localparam logic [3:0] BROKEN = 4'd4;  // a byte has no stop bit
  localparam logic [3:0] OVERFLOW = 4'd5;  // records come faster than they are taken
  localparam logic [3:0] UNKNOWN = 4'd6;  // not the start of a request, or no such command
  localparam logic [3:0] BUSY = 4'd7;  // bytes came while a request was computed or answered

  localparam logic [2:0] HEAD = 3'd0;  // start, tag, command, number of columns
  localparam logic [2:0] RECORDS = 3'd1;
  localparam logic [2:0] CHECK = 3'd2;  // checksum of the request
  localparam logic [2:0] COMPUTE = 3'd3;
  localparam logic [2:0] SKIP = 3'd4;  // until the line has been idle
  localparam logic [2:0] ANSWER = 3'd5;  // start, tag, status, number of labels, bytes of the payload
  localparam logic [2:0] PAYLOAD = 3'd6;
  localparam logic [2:0] ANSWER_CHECK = 3'd7;  // checksum of the answer

  localparam logic [15:0] HEAD_BYTES = 16'd5;
  localparam logic [15:0] ANSWER_BYTES = 16'd7;
  localparam logic [15:0] CHECK_BYTES = 16'd4;
  localparam int IDENTITY_BYTES = 37;
  localparam logic [8*IDENTITY_BYTES-1:0] IDENTITY = {16'(MAX_LABELS), 16'(MAX_COLUMNS), DIGEST, VERSION};
  localparam logic [31:0] INTACT = 32'hDEBB20E3;  // `crc` behind a correct checksum

  localparam int BYTE_BITS = RECORD_BYTES > 1 ? $clog2(RECORD_BYTES) : 1;
  localparam int GAP_BITS = $clog2(GAP_CLOCKS + 1);

  logic [ 2:0] state;
  logic [15:0] index;  // of a byte in its part of the frame
  logic [7:0] tag, command;
  logic done;  // `recognise` has found the labels
  logic intruded;  // a byte came in the states from COMPUTE on
  logic take;

  // The time since the last byte.

  logic [GAP_BITS-1:0] quiet_clocks;
  logic quiet;
  always_ff @(posedge clk) begin
    if (!quiet) quiet_clocks <= quiet_clocks + 1'b1;
    if (quiet_clocks == GAP_BITS'(GAP_CLOCKS - 1)) quiet <= 1'b1;
    if (rst || !line_idle || come || broken) begin
      quiet_clocks <= '0;
      quiet <= 1'b0;
    end
  end

  // Records: bytes enter at the top.

  logic [8*RECORD_BYTES-1:0] record;
  logic [BYTE_BITS-1:0] record_byte;
  logic [16:0] records_left;
  logic record_complete, last_byte;
  assign last_byte = record_byte == BYTE_BITS'(RECORD_BYTES - 1);

  always_ff @(posedge clk) begin
    record_complete <= 1'b0;
    if (column_ready) column_valid <= 1'b0;
    if (state == RECORDS && come) begin
      record <= (8 * RECORD_BYTES)'({come_value, record} >> 8);
      record_byte <= last_byte ? '0 : record_byte + 1'b1;
      record_complete <= last_byte;
      if (last_byte) records_left <= records_left - 1'b1;
    end
    if (record_complete) begin
      column <= record;
      column_valid <= 1'b1;
    end
    if (state == HEAD) begin
      record_byte  <= '0;
      records_left <= {columns, 1'b0};
    end
    if (rst || abandon || start) column_valid <= 1'b0;
  end

  // Checksums, of a request and then of its answer. In COMPUTE and SKIP none is needed any more.

  logic [31:0] crc;
  crc32 crc32_i (
      .clk,
      .clear (state == COMPUTE || state == SKIP || (state == HEAD && index == 16'd0 && !come)),
      .enable(answering ? take && state != ANSWER_CHECK : come),
      .value (answering ? send_value : come_value),
      .crc
  );

  // What is known of a request after the last byte of its head, or of its checksum; part_complete is high for one clock.

  logic part_complete, identifies, line_in_range, intact;

  always_ff @(posedge clk) begin
    part_complete <= !part_complete &&
        ((state == HEAD && index == HEAD_BYTES) || (state == CHECK && index == CHECK_BYTES));
    identifies <= command == IDENTIFY;
    line_in_range <= command == LINE && columns != '0 && columns <= 16'(MAX_COLUMNS);
    intact <= crc == INTACT;
  end

  // Faults of a request, which end it one clock later.

  logic in_request, fault;
  logic [3:0] found_fault, fault_status;
  assign in_request = state == HEAD || state == RECORDS || state == CHECK;
  assign fault = in_request && fault_status != OKAY;

  always_comb begin
    found_fault = OKAY;
    if (broken) found_fault = BROKEN;
    else if (receiving && quiet) found_fault = CUT;
    else if (record_complete && column_valid && !column_ready) found_fault = OVERFLOW;
    else if (state == HEAD && index == '0 && come && come_value != REQUEST_START) found_fault = UNKNOWN;
    else if (state == HEAD && part_complete && !identifies && !line_in_range)
      found_fault = command == LINE ? REFUSED : UNKNOWN;
    else if (state == CHECK && part_complete && !intact) found_fault = CHECKSUM;
  end
  always_ff @(posedge clk) fault_status <= rst || !in_request ? OKAY : found_fault;

  // The frames.

  logic [15:0] payload_bytes, counted;  // known long before they are sent
  always_ff @(posedge clk) begin
    counted <= status == OKAY && !identifies ? found : '0;
    if (status != OKAY) payload_bytes <= '0;
    else if (identifies) payload_bytes <= 16'(IDENTITY_BYTES);
    else payload_bytes <= found < 16'(MAX_LABELS) ? found : 16'(MAX_LABELS);
  end

  always_ff @(posedge clk) begin
    if (take || (in_request && come)) index <= index + 1'b1;
    start <= 1'b0;
    case (state)
      HEAD: begin
        if (index == '0) tag <= '0;  // of no request
        if (come)
          case (index)
            16'd0:   ;
            16'd1:   tag <= come_value;
            16'd2:   command <= come_value;
            default: columns <= {come_value, columns[15:8]};
          endcase
        if (part_complete && (identifies || line_in_range)) begin
          state <= identifies ? CHECK : RECORDS;
          index <= '0;
          start <= line_in_range;
        end
      end
      RECORDS: begin
        index <= '0;
        if (records_left == '0) state <= CHECK;
      end
      CHECK: if (part_complete && intact) state <= COMPUTE;
      COMPUTE: begin
        index  <= '0;
        status <= OKAY;
        if (identifies || done) state <= ANSWER;
      end
      SKIP: begin
        index <= '0;
        if (quiet) state <= ANSWER;
      end
      ANSWER:
      if (index == ANSWER_BYTES) begin
        state <= PAYLOAD;
        index <= '0;
      end
      PAYLOAD:
      if (index == payload_bytes) begin
        state <= ANSWER_CHECK;
        index <= '0;
      end
      default:  // ANSWER_CHECK
      if (index == CHECK_BYTES) begin
        state  <= intruded ? SKIP : HEAD;
        index  <= '0;
        status <= intruded ? BUSY : status;
        if (intruded) tag <= '0;
      end
    endcase

    if (fault) begin
      state  <= SKIP;
      status <= fault_status;
    end
    abandon <= fault;

    if (in_request || state == SKIP) intruded <= 1'b0;
    else if (come || broken) intruded <= 1'b1;

    if (found_valid) done <= 1'b1;
    if (start || fault) done <= 1'b0;

    if (rst) begin
      state   <= HEAD;
      index   <= '0;
      status  <= OKAY;
      start   <= 1'b0;
      abandon <= 1'b0;
    end
  end

  // Bytes of the answer. One is sent when it has been stable for some clocks, so that labels have been read.

  logic [2:0] stable_clocks;
  assign label_address = LABEL_ADDRESS_BITS'(index);
  assign take = send && send_ready;

  always_ff @(posedge clk) begin
    stable_clocks <= stable_clocks + 1'b1;
    if (stable_clocks == '1) send <= 1'b1;
    if (rst || !answering || take) begin
      stable_clocks <= '0;
      send <= 1'b0;
    end
    case (state)
      ANSWER:
      case (index[2:0])
        3'd0: send_value <= ANSWER_START;
        3'd1: send_value <= tag;
        3'd2: send_value <= {4'd0, status};
        3'd3: send_value <= counted[7:0];
        3'd4: send_value <= counted[15:8];
        3'd5: send_value <= payload_bytes[7:0];
        default: send_value <= payload_bytes[15:8];
      endcase
      PAYLOAD: send_value <= identifies ? IDENTITY[8*index[5:0]+:8] : label;
      default: send_value <= ~crc[8*index[1:0]+:8];
    endcase
  end

  assign receiving = (state == HEAD && index != '0) || state == RECORDS || state == CHECK;
  assign computing = state == COMPUTE;
  assign answering = state == ANSWER || state == PAYLOAD || state == ANSWER_CHECK;
endmodule
