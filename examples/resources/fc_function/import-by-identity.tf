import {
  to = fc_function.hello
  identity = {
    function_name = "hello"
  }
}
